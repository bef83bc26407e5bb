/** The promise of the 250, with disks that fail or are slow: a real store on file operations that the test controls. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { FilterAnswer } from '../../../src/acceptor/filter-client.ts';
import { Intake, type IntakeRules } from '../../../src/acceptor/intake.ts';
import { MessageStream } from '../../../src/acceptor/message-stream.ts';
import type { Incoming } from '../../../src/acceptor/reception.ts';
import type { DataAnswer } from '../../../src/acceptor/server.ts';
import type { HandedOn } from '../../../src/ipc/hand-on.ts';
import type { Logger } from '../../../src/log/logger.ts';
import { createDisk, type Disk } from '../../../src/queue/disk.ts';
import { openStore } from '../../../src/queue/open-store.ts';
import type { Store } from '../../../src/queue/store.ts';

const RULES: IntakeRules = {
  hostname: 'mx.test',
  lineEnds: 'refuse',
  messageSize: 2 ** 20,
  headerSize: 1000,
  hops: 3,
  submission: false,
  filters: [],
};
const ORIGIN = { via: 'smtp', ip: '192.0.2.1' } as const;
const INCOMING: Incoming = {
  envelope: {
    sender: 'a@b.test',
    recipients: [{ address: 'c@d.test' }],
    received: 1,
    tenant: 'default',
    origin: ORIGIN,
  },
  envelopeBytes: 25,
  trace: { by: 'mx.test', with: 'ESMTP', date: 1 },
};
const NO_FAULTS = { bareCr: false, bareLf: false, nul: false };
const QUEUE = { split: 4, inline: 4096, segment: 2 ** 20, segmentAge: 60_000, freeSpace: 0, freeInodes: 0 };

let folder: string;
let store: Store;
let trouble: Partial<Disk>;
let handed: HandedOn[];
let log: { event: string; fields: Record<string, unknown> | undefined }[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mf-intake-'));
  trouble = {};
  handed = [];
  log = [];
  const real = createDisk();
  // Each operation as the test wants it at that moment.
  const disk = new Proxy(real, { get: (_target, name: keyof Disk) => trouble[name] ?? real[name] });
  const config = { queue: QUEUE } as unknown as Parameters<typeof openStore>[0]['config'];
  store = await openStore({
    config,
    role: 'writer',
    worker: 'test-1',
    log: logger(),
    dir: join(folder, 'queue'),
    disk,
  });
});

afterEach(async () => {
  trouble = {};
  await store.close();
  await rm(folder, { recursive: true });
});

function logger(): Logger {
  const note = (event: string, fields?: Record<string, unknown>): void => void log.push({ event, fields });
  return {
    info: note,
    warn: note,
    error: note,
    debug: note,
    flush: () => Promise.resolve(true),
    dropped: () => 0,
  } as Logger;
}

type Check = (what: { readonly handle: string }) => Promise<FilterAnswer>;

function makeIntake(
  answer: FilterAnswer | Check = { t: 'failed', why: 'none' },
  taken: () => Promise<void> = () => Promise.resolve(),
): Intake {
  return new Intake({
    store,
    handOn: { send: (frame) => (handed.push(frame), taken()) },
    filters: { check: (what) => (typeof answer === 'function' ? answer(what) : Promise.resolve(answer)) },
    log: logger(),
    jobDone: () => undefined,
  });
}

interface Sent {
  readonly answer: Promise<DataAnswer>;
  readonly stream: MessageStream;
}

function begin(intake: Intake, rules: Partial<IntakeRules> = {}, incoming = INCOMING): Sent {
  const stream = new MessageStream(RULES.messageSize);
  return { stream, answer: intake.receive(stream, incoming, { ...RULES, ...rules }) };
}

async function send(
  intake: Intake,
  chunks: readonly string[],
  rules: Partial<IntakeRules> = {},
  incoming = INCOMING,
): Promise<string> {
  const { stream, answer } = begin(intake, rules, incoming);
  for (const chunk of chunks) await stream.write(Buffer.from(chunk));
  stream.end({ faults: NO_FAULTS, plain: true });
  return said(await answer);
}

function said(answer: DataAnswer): string {
  return 'accepted' in answer ? '250' : `${answer.code} ${answer.status}`;
}

function failing(code: string): () => Promise<never> {
  return () => Promise.reject(Object.assign(new Error(`${code}: as the test wants it`), { code }));
}

const SMALL = ['Subject: x\r\n\r\n', 'text\r\n'];
const LARGE = ['Subject: x\r\n\r\n', ...Array.from({ length: 10 }, () => 'x'.repeat(2000))];

it('knows the bytes of envelopes that no router has taken yet', async () => {
  const taken: (() => void)[] = [];
  const intake = makeIntake(undefined, () => new Promise((resolve) => taken.push(resolve)));
  assert.equal(await send(intake, SMALL), '250');
  assert.equal(await send(intake, LARGE), '250');
  assert.equal(intake.untakenBytes, 2 * INCOMING.envelopeBytes);
  trouble.datasync = failing('EIO');
  assert.equal(await send(intake, SMALL), '451 4.3.0');
  assert.equal(intake.untakenBytes, 2 * INCOMING.envelopeBytes);
  await intake.settle();
  for (const take of taken) take();
  await new Promise(setImmediate);
  assert.equal(intake.untakenBytes, 0);
});

describe('the 250', () => {
  it('waits for the disk', async () => {
    const intake = makeIntake();
    let release: () => void = () => undefined;
    const synced = new Promise<void>((resolve) => (release = resolve));
    trouble.datasync = () => synced;
    let answered = false;
    const answer = send(intake, SMALL).then((text) => {
      answered = true;
      return text;
    });
    for (let turns = 0; turns < 50; turns += 1) await new Promise(setImmediate);
    assert.equal(answered, false);
    assert.equal(handed.length, 0);
    assert.equal(intake.underWay, 1);
    release();
    assert.equal(await answer, '250');
    assert.equal(handed.length, 1);
    await intake.settle();
    assert.equal(intake.underWay, 0);
  });

  for (const [size, chunks] of [
    ['small', SMALL],
    ['large', LARGE],
  ] as const) {
    it(`is a 452 for a ${size} message on a full disk, and the next one passes when there is space`, async () => {
      const intake = makeIntake();
      trouble.writeAt = failing('ENOSPC');
      assert.equal(await send(intake, chunks), '452 4.3.1');
      assert.equal(handed.length, 0);
      trouble = {};
      assert.equal(await send(intake, chunks), '250');
      assert.equal(handed.length, 1);
    });

    it(`is a 451 for a ${size} message when the sync fails`, async () => {
      const intake = makeIntake();
      trouble.datasync = failing('EIO');
      assert.equal(await send(intake, chunks), '451 4.3.0');
      assert.equal(handed.length, 0);
      assert.ok(log.some(({ event }) => event === 'storage'));
    });
  }

  it('does not come for an envelope that the queue could not read back, and nothing is left of the message', async () => {
    const recipients = Array.from({ length: 30_000 }, (_, n) => ({ address: `${n}@${'x'.repeat(150)}.test` }));
    const incoming = { ...INCOMING, envelope: { ...INCOMING.envelope, recipients } };
    const accept: Check = () => Promise.resolve({ t: 'verdict', verdict: 'accept', n: 1 });
    for (const chunks of [SMALL, LARGE]) {
      assert.equal(await send(makeIntake(), chunks, {}, incoming), '451 4.3.0');
      assert.equal(await send(makeIntake(accept), chunks, { filters: ['f'] }, incoming), '451 4.3.0');
    }
    assert.equal(handed.length, 0);
    assert.deepEqual(await readdir(join(folder, 'queue', 'tmp')), []);
    assert.deepEqual(await readdir(join(folder, 'queue', 'journal')), []);
    assert.deepEqual(await readdir(join(folder, 'queue', 'mess')), []);
  });

  it('does not come when the folder of a large message is not durable', async () => {
    trouble.syncFolder = failing('EIO');
    assert.equal(await send(makeIntake(), LARGE), '451 4.3.0');
    assert.equal(handed.length, 0);
  });
});

describe('a refused message', () => {
  it('leaves no file', async () => {
    const intake = makeIntake();
    assert.equal(await send(intake, [...LARGE, 'x'.repeat(2 ** 20)]), '552 5.3.4');
    assert.deepEqual(await readdir(join(folder, 'queue', 'tmp')), []);
  });

  it('is refused for each fault', async () => {
    const cases = [
      [{ ...NO_FAULTS, nul: true }, 'normalise', '554 5.6.0'],
      [{ ...NO_FAULTS, bareLf: true }, 'refuse', '554 5.6.0'],
      [{ ...NO_FAULTS, bareCr: true }, 'refuse', '554 5.6.0'],
      [{ ...NO_FAULTS, bareCr: true }, 'normalise', '250'],
    ] as const;
    for (const [faults, lineEnds, expected] of cases) {
      const { stream, answer } = begin(makeIntake(), { lineEnds });
      await stream.write(Buffer.from(SMALL.join('')));
      stream.end({ faults, plain: false });
      assert.equal(said(await answer), expected);
    }
  });

  it('is refused for its header: too many hops, too large', async () => {
    const received = 'Received: from a by b\r\n';
    assert.equal(await send(makeIntake(), [received.repeat(4), '\r\n']), '554 5.4.6');
    assert.equal(await send(makeIntake(), [received.repeat(3), '\r\n', received.repeat(9)]), '250');
    assert.equal(await send(makeIntake(), ['X: y\r\n'.repeat(500)]), '552 5.3.4');
  });

  it('that was cut off is nobody’s', async () => {
    const { stream, answer } = begin(makeIntake());
    await stream.write(Buffer.from('Subject: x\r\n'));
    stream.destroy();
    assert.equal(said(await answer), '451 4.4.2');
    assert.equal(handed.length, 0);
  });
});

describe('a submission', () => {
  it('gets Date and Message-ID where they are missing', async () => {
    const cases = [
      ['Subject: x\r\n\r\n', /Message-ID: <\w+@mx\.test>\r\nDate: Thu, 01 Jan 1970 00:00:00 \+0000\r\nSubject: x/],
      ['DATE: now\r\nmessage-id: <a@b>\r\n\r\n', /1970 00:00:00 \+0000\r\nDATE: now\r\n/],
      ['X-Date: now\r\n\r\nDate: body\r\n', /Date: Thu.*\r\nX-Date: now/],
      ['No header\r\nat all\r\n', /Date: Thu.*\r\n\r\nNo header\r\nat all\r\n$/],
    ] as const;
    for (const [text, expected] of cases) {
      assert.equal(await send(makeIntake(), [text], { submission: true }), '250');
      const handle = handed.at(-1)?.handle as Parameters<Store['read']>[0];
      const found = await store.read(handle);
      assert.ok(found.kind === 'found');
      assert.match(found.message.bytes?.toString() ?? '', expected);
    }
  });
});

describe('a verdict', () => {
  const filters = ['structure'];
  const cases: readonly (readonly [FilterAnswer, string, number])[] = [
    [{ t: 'verdict', n: 1, verdict: 'accept' }, '250', 1],
    [{ t: 'verdict', n: 1, verdict: 'reject' }, '554 5.7.1', 0],
    [{ t: 'verdict', n: 1, verdict: 'defer' }, '451 4.7.0', 0],
    [{ t: 'verdict', n: 1, verdict: 'reject', reply: { code: 552, status: '5.3.4', text: 'big' } }, '552 5.3.4', 0],
    // A filter may not make a refusal of a 2xx, nor a deferral of a 5xx.
    [{ t: 'verdict', n: 1, verdict: 'reject', reply: { code: 250, status: '2.0.0', text: 'ok' } }, '554 5.7.1', 0],
    [{ t: 'verdict', n: 1, verdict: 'defer', reply: { code: 550, status: '5.7.1', text: 'no' } }, '451 4.7.0', 0],
    [{ t: 'verdict', n: 1, verdict: 'quarantine' }, '250', 0],
    [{ t: 'failed', why: 'crashed' }, '451 4.7.0', 0],
  ];
  for (const [answer, expected, count] of cases) {
    it(`${answer.t === 'failed' ? 'that failed' : answer.verdict} is answered ${expected}`, async () => {
      assert.equal(await send(makeIntake(answer), SMALL, { filters }), expected);
      assert.equal(handed.length, count);
    });
  }

  for (const [size, chunks] of [
    ['small', SMALL],
    ['large', LARGE],
  ] as const) {
    it(`may put lines on top of a ${size} message, or other content in its place`, async () => {
      const content = async (): Promise<string> => {
        const found = await store.read(handed.at(-1)?.handle as Parameters<Store['read']>[0]);
        assert.ok(found.kind === 'found');
        const parts: Buffer[] = [];
        for await (const part of found.message.stream()) parts.push(part as Buffer);
        return Buffer.concat(parts).toString();
      };
      const mark = { t: 'verdict', n: 1, verdict: 'accept', prepend: 'X-Seen: yes\r\n' } as const;
      assert.equal(await send(makeIntake(mark), chunks, { filters }), '250');
      const marked = await content();
      assert.match(marked, /^X-Seen: yes\r\nReceived: /);
      assert.ok(marked.endsWith(chunks.join('')));
      const replaced = Buffer.from(`Subject: other\r\n\r\n${'y'.repeat(chunks.join('').length)}\r\n`);
      const check = async ({ handle }: { handle: string }): Promise<FilterAnswer> => {
        await store.writeReplacement(handle as Parameters<Store['read']>[0], replaced);
        return { t: 'verdict', n: 1, verdict: 'accept', replaced: true };
      };
      assert.equal(await send(makeIntake(check), chunks, { filters }), '250');
      assert.equal(await content(), replaced.toString());
      assert.deepEqual(await readdir(join(folder, 'queue', 'tmp')), []);
    });
  }

  it('that changes a large message, on a disk that is full by then, leaves no file', async () => {
    const intake = makeIntake({ t: 'verdict', n: 1, verdict: 'accept', prepend: 'X-Seen: yes\r\n' });
    const disk = createDisk();
    let files = 0;
    // The first file is the message as it came, the second would be the changed one.
    trouble.create = (path) => (path.includes('/tmp/') && ++files > 1 ? failing('ENOSPC')() : disk.create(path));
    assert.equal(await send(intake, LARGE, { filters }), '452 4.3.1');
    assert.equal(handed.length, 0);
    assert.deepEqual(await readdir(join(folder, 'queue', 'tmp')), []);
  });

  it('of no use on a full disk is a 452', async () => {
    const intake = makeIntake({ t: 'verdict', n: 1, verdict: 'accept' });
    trouble.writeAt = failing('ENOSPC');
    assert.equal(await send(intake, SMALL, { filters }), '452 4.3.1');
  });
});
