/** The role over a real socket and a real queue: verdicts on staged messages, bounds, reload, the end. */
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { FARM_NAMES, type Config, type Farm, type Filter as Settings } from '../../../src/config/config.ts';
import { startFilter } from '../../../src/filter/filter-role.ts';
import { connectPeer } from '../../../src/ipc/connect.ts';
import { makeHello } from '../../../src/ipc/hello.ts';
import type { Check, Frame, Verdict } from '../../../src/ipc/messages.ts';
import type { Peer } from '../../../src/ipc/peer.ts';
import type { Envelope } from '../../../src/mail/envelope.ts';
import type { Role } from '../../../src/process/worker.ts';
import { openStore } from '../../../src/queue/open-store.ts';
import type { Handle, Store } from '../../../src/queue/store.ts';
import { waitFor } from '../../support/wait.ts';
import { LIMITS, multipart } from './structure-samples.ts';

const QUEUE = { split: 4, inline: 4096, segment: 1_000_000, segmentAge: 60_000, freeSpace: 0, freeInodes: 0 };
const ENVELOPE: Envelope = {
  sender: 'a@example.org',
  recipients: [{ address: 'b@example.org' }],
  received: 1,
  tenant: 'default',
  origin: { via: 'smtp' },
};
const quiet = { debug: () => {}, warn: () => {}, error: () => {} };
const DEADLINE = 20_000;

let home: string;
let store: Store;
let count = 0;
const former = process.cwd();
const cleanups: (() => unknown)[] = [];

before(async () => {
  home = await fs.mkdtemp(path.join(os.tmpdir(), 'mf-filter-'));
  process.chdir(home);
  store = await openStore({ config: { queue: QUEUE }, worker: 'acceptor-1-test', log: quiet, role: 'writer' });
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});
after(async () => {
  await store.close();
  process.chdir(former);
  await fs.rm(home, { recursive: true });
});

function configOf(socket: string, filters: Record<string, Settings>, timeoutMs: number): Config {
  const farm: Farm = { socket, least: 0, most: 1, jobs: 0, threads: 1, memory: 0, drain: 1000 };
  const farms = Object.fromEntries(FARM_NAMES.map((name) => [name, farm]));
  // The role reads no more of the configuration than this.
  return { queue: QUEUE, filters, filter: { timeoutMs }, farms } as unknown as Config;
}

interface Running {
  readonly role: Role;
  readonly peer: Peer;
  readonly lines: Record<string, unknown>[];
  readonly jobs: () => number;
  check(handle: string, filters?: readonly string[]): Promise<Verdict>;
}

async function start(filters: Record<string, Settings> = {}, timeoutMs = 60_000): Promise<Running> {
  count += 1;
  const socket = `${count}.sock`;
  const lines: Record<string, unknown>[] = [];
  let jobs = 0;
  const note = (event: string, fields?: object) => void lines.push({ event, ...fields });
  const role = await startFilter({
    name: 'filter-1',
    instance: 'filter-1-test',
    farm: 'filter',
    config: configOf(socket, filters, timeoutMs),
    log: {
      debug: note,
      info: note,
      warn: note,
      error: note,
      flush: async () => true,
      dropped: () => 0,
      close: () => {},
    },
    fd: () => undefined,
    jobDone: () => void (jobs += 1),
  });
  const self = makeHello({ farm: 'acceptor', worker: 'acceptor-1' });
  const peer = await connectPeer({ address: socket, self, deadlineMs: DEADLINE });
  const leave = (frame: Frame): void => {
    if (frame.t === 'leaving') peer.close();
  };
  peer.onFrame = leave;
  cleanups.push(
    () => role.drain(Date.now() + DEADLINE),
    () => peer.close(),
  );
  return {
    role,
    peer,
    lines,
    jobs: () => jobs,
    async check(handle, names = ['structure']) {
      const what: Omit<Check, 'n'> = { t: 'check', handle, envelope: ENVELOPE, filters: names };
      const answer = await peer.request(what, DEADLINE);
      assert.ok(answer.t === 'verdict');
      return answer;
    },
  };
}

const STRUCTURE: Settings = { kind: 'structure', ...LIMITS, action: 'reject' };

async function stage(text: string): Promise<Handle> {
  const draft = store.draft(store.nextId());
  await draft.write(Buffer.from(text));
  cleanups.push(() => draft.discard());
  return draft.stage(ENVELOPE);
}

describe('filter role', () => {
  it('gives verdicts on staged messages, small and large', async () => {
    const running = await start({ structure: STRUCTURE });
    assert.equal((await running.check(await stage('Subject: x\r\n\r\nfine\r\n'))).verdict, 'accept');
    const bad = `${multipart('b')}${'x\r\n'.repeat(5000)}--b\r\nContent-Disposition: attachment; filename=a.exe\r\n\r\n`;
    const verdict = await running.check(await stage(bad));
    assert.equal(verdict.verdict, 'reject');
    assert.equal(verdict.by, 'structure');
    assert.equal(verdict.reply?.code, 550);
    const logged = await waitFor(
      () => running.lines.filter(({ event }) => event === 'checked').length === 2 && running.lines,
    );
    assert.deepEqual(
      logged.map((line) => line['verdict']),
      ['accept', 'reject'],
    );
    assert.ok(logged.every(({ id }) => typeof id === 'string' && id.length === 19));
    assert.equal(running.jobs(), 2);
  });

  it('defers on handles that name nothing, and on filters that are not configured', async () => {
    const running = await start();
    for (const handle of [
      '',
      'nonsense',
      '../../etc/passwd',
      '0000000000000000001',
      '0000000000000000001!acceptor-9',
    ]) {
      assert.equal((await running.check(handle)).verdict, 'defer', handle);
    }
    assert.equal((await running.check(await stage('\r\n'))).reply?.status, '4.3.5');
    assert.ok(running.lines.some(({ event }) => event === 'filter-unknown'));
  });

  it('answers many at a time, and turns away what is too many', async () => {
    const running = await start({ structure: STRUCTURE });
    const handle = await stage('Subject: x\r\n\r\n');
    const verdicts = await Promise.all(Array.from({ length: 300 }, () => running.check(handle)));
    const busy = verdicts.filter(({ verdict }) => verdict === 'defer');
    assert.ok(busy.length > 0 && busy.length <= 200, `${busy.length}`);
    assert.ok(busy.every(({ reply }) => reply?.status === '4.3.2'));
    assert.equal((await running.check(handle)).verdict, 'accept');
    assert.equal(running.role.stats?.()['busy'], 0);
  });

  it('refuses frames that are not for it', async () => {
    const running = await start();
    const answer = await running.peer.request({ t: 'stats?' }, DEADLINE);
    assert.equal(answer.t, 'refused');
  });

  it('acts by its settings', async () => {
    const handle = await stage(`${multipart('b')}--b\r\n\r\n--b\r\n\r\n`);
    const cases: readonly (readonly [Record<string, Settings>, string])[] = [
      [{}, 'defer'],
      [{ structure: STRUCTURE }, 'accept'],
      [{ structure: { ...STRUCTURE, parts: 2, action: 'quarantine' } }, 'quarantine'],
    ];
    for (const [settings, verdict] of cases) {
      const running = await start(settings);
      assert.equal((await running.check(handle)).verdict, verdict);
    }
  });

  it('says that it leaves, answers what it is asked until its clients are gone, and ends then', async () => {
    const running = await start({ structure: STRUCTURE });
    const handle = await stage('Subject: x\r\n\r\n');
    const left = new Promise<void>((resolve) => {
      running.peer.onFrame = (frame) => void (frame.t === 'leaving' && resolve());
    });
    const first = running.check(handle);
    const drained = running.role.drain(Date.now() + DEADLINE);
    await left;
    assert.equal((await running.check(handle)).verdict, 'accept', 'a question that crossed the word of leaving');
    assert.equal((await first).verdict, 'accept');
    running.peer.close();
    await drained;
    cleanups.shift();
  });
});
