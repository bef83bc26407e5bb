import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { connectPeer } from '../../../src/ipc/connect.ts';
import { openHandOn } from '../../../src/ipc/hand-on.ts';
import { makeHello } from '../../../src/ipc/hello.ts';
import { listenForPeers } from '../../../src/ipc/listen.ts';
import type { Accepted, Frame, Routed } from '../../../src/ipc/messages.ts';
import type { Peer } from '../../../src/ipc/peer.ts';
import type { Logger } from '../../../src/log/logger.ts';
import { parseAliases } from '../../../src/mail/aliases.ts';
import type { Outcome } from '../../../src/mail/outcome.ts';
import { Desk } from '../../../src/router/desk.ts';
import type { PlanRules } from '../../../src/router/plan.ts';
import { RoutingTable } from '../../../src/router/table.ts';
import { waitFor } from '../../support/wait.ts';

const HANDLE = '0000000000000000001';
const DEADLINE = 5000;

function rules(aliases = ''): PlanRules {
  const table = new RoutingTable({
    domains: { local: ['here'], relay: [] },
    mailboxes: '*',
    routes: [],
    allowPrivate: false,
  });
  const isLocal = (domain: string): boolean => table.isLocal(domain);
  return { table, aliases: { aliases: parseAliases(aliases, 'a').table, isLocal, depth: 10, fanout: 100 } };
}

function accepted(...to: string[]): Omit<Accepted, 'n'> {
  const recipients = to.map((address) => ({ address }));
  const envelope = { sender: 'me@here', recipients, received: 7, tenant: 'default', origin: { via: 'smtp' } } as const;
  return { t: 'accepted', handle: HANDLE, envelope };
}

interface Line {
  readonly event: string;
  readonly fields: Record<string, unknown>;
}

/** A desk between a real listening socket and a scheduler's socket that this test answers. */
interface Bench {
  readonly desk: Desk;
  readonly client: Peer;
  readonly routed: Routed[];
  readonly recorded: (readonly Outcome[])[];
  readonly log: Line[];
  /** Takes all that came, and what comes from now on. */
  take(): void;
  done: number;
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function setUp(given: PlanRules, options: { limit?: number; beatMs?: number } = {}): Promise<Bench> {
  const dir = await mkdtemp(join(tmpdir(), 'mailfarm-desk-'));
  cleanups.push(() => rm(dir, { recursive: true }));
  const [routed, recorded, log] = [[] as Routed[], [] as (readonly Outcome[])[], [] as Line[]];
  let taking = false;
  const waiting: (() => void)[] = [];
  const scheduler = await listenForPeers({
    path: join(dir, 'scheduler.sock'),
    self: makeHello({ farm: 'scheduler', worker: 'scheduler-1' }),
    onPeer: (peer) => {
      peer.onFrame = (frame: Frame) => {
        if (frame.t !== 'routed') return;
        routed.push(frame);
        waiting.push(() => peer.send({ t: 'taken', n: frame.n }));
        if (taking) for (const answer of waiting.splice(0)) answer();
      };
    },
  });
  cleanups.push(() => scheduler.close());
  const self = makeHello({ farm: 'router', worker: 'router-1' });
  const handOn = openHandOn({ address: join(dir, 'scheduler.sock'), self });
  cleanups.push(() => handOn.close(Date.now()));
  const desk = new Desk(given, {
    store: {
      async record(_handle, outcomes) {
        recorded.push(outcomes);
      },
    },
    handOn,
    log: listLogger(log),
    ...options,
    limit: options.limit ?? 100,
    onDone: () => (bench.done += 1),
  });
  const server = await listenForPeers({ path: join(dir, 'router.sock'), self, onPeer: (peer) => desk.serve(peer) });
  cleanups.push(() => server.close());
  const client = await connectPeer({
    address: join(dir, 'router.sock'),
    self: makeHello({ farm: 'acceptor', worker: 'acceptor-1' }),
    deadlineMs: DEADLINE,
  });
  cleanups.push(() => client.close());
  const take = (): void => {
    taking = true;
    for (const answer of waiting.splice(0)) answer();
  };
  const bench: Bench = { desk, client, routed, recorded, log, take, done: 0 };
  return bench;
}

function listLogger(lines: Line[]): Logger {
  const add = (event: string, fields: Record<string, unknown> = {}): void => void lines.push({ event, fields });
  return { debug: add, info: add, warn: add, error: add, flush: async () => true, dropped: () => 0, close: () => {} };
}

describe('Desk', () => {
  it('answers taken only after the scheduler took the message', async () => {
    const bench = await setUp(rules());
    let answer: Frame | undefined;
    const answered = bench.client.request(accepted('anna@here'), DEADLINE).then((frame) => (answer = frame));
    await waitFor(() => bench.routed.length === 1);
    assert.equal(answer, undefined);
    assert.equal(bench.desk.figures.busy, 1);
    bench.take();
    assert.equal((await answered).t, 'taken');
    assert.deepEqual(bench.desk.figures, { busy: 0, routed: 1, refused: 0, entered: 1, left: 1, inHand: 0 });
    assert.equal(bench.done, 1);
  });

  it('lets wait what its sender wants to leave later, and tells him at once of a wrong address', async () => {
    const bench = await setUp(rules('list: a@here, c@far.example\n'));
    bench.take();
    const { envelope, ...frame } = accepted('list@here', 'b@[192.0.2.300]');
    await bench.client.request({ ...frame, envelope: { ...envelope, notBefore: 5000 } }, DEADLINE);
    const parts = bench.routed[0]?.parts ?? [];
    assert.equal(bench.routed[0]?.received, 5000);
    for (const { hop, notBefore } of parts) assert.equal(notBefore, hop.channel === 'bounce' ? undefined : 5000);
    assert.ok(parts.length >= 2);
  });

  it('hands on envelope, parts and the parts of the injector', async () => {
    const bench = await setUp(rules());
    bench.take();
    const hop = { channel: 'smtp', next: 'mx:x.example' } as const;
    const parts = [{ hop, to: ['b@x.example'], attempts: 3, until: 99 }];
    await bench.client.request(
      { ...accepted('a@here', 'b@x.example'), only: ['a@here'], parts, size: 9, stays: true, probe: true },
      DEADLINE,
    );
    const [{ n, ...frame } = { n: 0 }] = bench.routed;
    assert.ok(n > 0);
    assert.deepEqual(frame, {
      t: 'routed',
      handle: HANDLE,
      sender: 'me@here',
      received: 7,
      tenant: 'default',
      size: 9,
      parts: [...parts, { hop: { channel: 'maildir', next: 'here/a' }, to: ['a@here'] }],
      stays: true,
      probe: true,
    });
  });

  it('keeps apart those of whose delay the sender was told', async () => {
    const bench = await setUp(rules());
    bench.take();
    const [one, two] = ['a@x.example', 'b@x.example'];
    const frame = { ...accepted(one, two), only: [one, two], warned: [two], parts: [] };
    await bench.client.request(frame, DEADLINE);
    const parts = bench.routed[0]?.parts.map(({ to, warned }) => [to, warned]);
    assert.deepEqual(parts, [
      [[one], undefined],
      [[two], true],
    ]);
  });

  it('records an expansion before the scheduler hears of it', async () => {
    const bench = await setUp(rules('team: anna, bob@x.example'));
    bench.take();
    await bench.client.request(accepted('team@here'), DEADLINE);
    const [outcome] = bench.recorded[0] ?? [];
    assert.equal(outcome?.state, 'expanded');
    assert.deepEqual(outcome?.recipients, ['team@here']);
    assert.deepEqual(outcome?.into, ['anna@here', 'bob@x.example']);
    assert.deepEqual(
      bench.routed[0]?.parts.flatMap((part) => part.to),
      ['anna@here', 'bob@x.example'],
    );
  });

  it('asks for the report of an expansion of which the sender wants to hear, and owes it until then', async () => {
    const bench = await setUp(rules('team: anna, bob@x.example'));
    bench.take();
    const frame = accepted('team@here');
    const recipients = [{ address: 'team@here', dsn: { notify: ['SUCCESS'] } }];
    await bench.client.request({ ...frame, envelope: { ...frame.envelope, recipients } }, DEADLINE);
    const [outcome] = bench.recorded[0] ?? [];
    assert.deepEqual([outcome?.state, outcome?.notice], ['succeeded', 'expanded']);
    assert.deepEqual(outcome?.into, ['anna@here', 'bob@x.example']);
    const [routed] = bench.routed;
    assert.deepEqual(
      routed?.parts.map(({ to, notice }) => [to.join(), notice]),
      [
        ['anna@here', undefined],
        ['bob@x.example', undefined],
        ['team@here', 'expanded'],
      ],
    );
    assert.deepEqual([routed?.expanded, routed?.made], [0, 2]);
    const nobody = { ...frame, envelope: { ...frame.envelope, recipients, sender: '' } };
    await bench.client.request(nobody, DEADLINE);
    assert.equal(bench.recorded[1]?.[0]?.state, 'expanded', 'nobody can be told');
  });

  it('refuses a frame and a handle that it does not know, and serves on', async () => {
    const bench = await setUp(rules());
    bench.take();
    for (const handle of ['', '../../etc/passwd', '__proto__', `${HANDLE}@x`]) {
      const answer = await bench.client.request({ ...accepted('a@here'), handle }, DEADLINE);
      assert.equal(answer.t, 'refused', handle);
    }
    assert.equal((await bench.client.request({ t: 'stats?' }, DEADLINE)).t, 'refused');
    assert.equal((await bench.client.request(accepted('a@here'), DEADLINE)).t, 'taken');
    assert.equal(bench.desk.figures.refused, 5);
  });

  it('stops reading when it is full, and loses nothing', async () => {
    const bench = await setUp(rules(), { limit: 10 });
    const answers: Promise<Frame>[] = [];
    // Each batch goes out in a write of its own, so that a paused desk leaves the later ones in the socket.
    for (let batch = 0; batch < 20; batch += 1) {
      for (let n = 0; n < 50; n += 1) answers.push(bench.client.request(accepted(`u${batch}x${n}@here`), DEADLINE));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await waitFor(() => bench.desk.figures.busy >= 10);
    bench.take();
    for (const answer of await Promise.all(answers)) assert.equal(answer.t, 'taken');
    assert.equal(new Set(bench.routed.flatMap((frame) => frame.parts.flatMap((part) => part.to))).size, 1000);
  });

  it('says that it is at work while it waits for the scheduler, also when it is full, and is silent without work', async () => {
    const bench = await setUp(rules(), { limit: 1, beatMs: 1 });
    const frames: string[] = [];
    bench.client.onFrame = ({ t }) => void frames.push(t);
    const answer = bench.client.request(accepted('a@here'), DEADLINE);
    await waitFor(() => frames.length >= 3);
    bench.take();
    await answer;
    assert.deepEqual(new Set(frames), new Set(['at-work']));
    const before = frames.length;
    // Beats that were due before a refusal come before it.
    for (let i = 0; i < 20; i += 1) await bench.client.request({ t: 'stats?' }, DEADLINE);
    assert.equal(frames.length, before);
  });

  it('finishes what it holds and takes no more', async () => {
    const bench = await setUp(rules());
    const first = bench.client.request(accepted('a@here'), DEADLINE);
    await waitFor(() => bench.routed.length === 1);
    const finished = bench.desk.finish();
    bench.client.send({ ...accepted('b@here'), n: 9999 });
    bench.take();
    await finished;
    assert.equal((await first).t, 'taken');
    assert.deepEqual(
      bench.routed.map((frame) => frame.parts[0]?.to[0]),
      ['a@here'],
    );
  });

  it('logs one line a message, with the first parts of many', async () => {
    const bench = await setUp(rules());
    bench.take();
    await bench.client.request(accepted(...Array.from({ length: 25 }, (_, n) => `u@d${n}.example`)), DEADLINE);
    const lines = bench.log.filter((line) => line.event === 'routed');
    assert.equal(lines.length, 1);
    assert.equal(lines[0]?.fields['id'], HANDLE);
    assert.equal((lines[0]?.fields['parts'] as unknown[] | undefined)?.length, 20);
    assert.equal(lines[0]?.fields['more'], 5);
  });
});
