/** The role as a whole: real sockets, real store, a peer in the scheduler's place. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { pause } from '../../../src/base/deadline.ts';
import type { Config } from '../../../src/config/config.ts';
import { connectPeer } from '../../../src/ipc/connect.ts';
import { makeHello, shakeHands } from '../../../src/ipc/hello.ts';
import { listenForPeers, type PeerServer } from '../../../src/ipc/listen.ts';
import type { Done, Frame, SegmentClosed } from '../../../src/ipc/messages.ts';
import type { Peer } from '../../../src/ipc/peer.ts';
import type { Envelope } from '../../../src/mail/envelope.ts';
import type { Channel, Hop } from '../../../src/mail/outcome.ts';
import type { Role, Worker } from '../../../src/process/worker.ts';
import { openStore } from '../../../src/queue/open-store.ts';
import type { Handle, Store } from '../../../src/queue/store.ts';
import { startTransport } from '../../../src/transport/transport.ts';
import { readMaildir } from '../../support/maildir.ts';
import { startSink } from '../../support/sink.ts';
import { makeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';
import { keepingLogger, SETTINGS } from './support.ts';

const CONTENT = 'Subject: x\r\nX-Test-Id: one\r\n\r\nhello\r\n';
const home = process.cwd();
const queue = { split: 4, inline: 262_144, segment: 1e6, segmentAge: 1000, freeSpace: 0, freeInodes: 0 };
const farm = (name: string): { socket: string } => ({ socket: `run/${name}.sock` });
const config = {
  hostname: 'mx.mailfarm.test',
  listen: [],
  domains: { local: [], relay: [] },
  queue,
  smtp: SETTINGS,
  maildir: { root: 'mail' },
  retry: { times: [60_000], lifetime: 86_400_000, warnAfter: 0, bounceLifetime: 1 },
  farms: Object.fromEntries(['scheduler', 'router', 'smtp', 'maildir', 'bounce'].map((name) => [name, farm(name)])),
  bounce: { returnSize: 50_000, double: 'drop' },
  bounceClasses: { rules: [] },
} as unknown as Config;

let store: Store;
const stages: PeerServer[] = [];
const roles: Role[] = [];
const handedOn: Frame[] = [];
const segments: SegmentClosed[] = [];

before(async () => {
  process.chdir(makeTemp('transport'));
  mkdirSync('run');
  const log = keepingLogger();
  store = await openStore({ config, role: 'writer', worker: 'acceptor-1-test', log });
  const takeAll = (peer: Peer): void => {
    peer.onFrame = (frame) => {
      if (frame.t === 'accepted') handedOn.push(frame);
      if (frame.t === 'segment') segments.push(frame);
      if ('n' in frame) peer.send({ t: 'taken', n: frame.n });
    };
  };
  for (const name of ['scheduler', 'router']) {
    const self = makeHello({ farm: name, worker: `${name}-1` });
    stages.push(await listenForPeers({ path: `run/${name}.sock`, self, onPeer: takeAll }));
  }
});

after(async () => {
  // Of tests that failed: a lane left open would keep the process.
  await Promise.allSettled(roles.map((role) => role.drain(Date.now())));
  await store.close();
  for (const stage of stages) await stage.close();
  process.chdir(home);
});

async function put(envelope: Partial<Envelope> = {}): Promise<Handle> {
  const draft = store.draft(store.nextId());
  await draft.write(Buffer.from(CONTENT));
  return await draft.commit({
    sender: 'sender@test.example',
    recipients: [{ address: 'user@example.org' }],
    received: Date.now(),
    tenant: 'default',
    origin: { via: 'smtp' },
    ...envelope,
  });
}

interface Started {
  readonly role: Role;
  readonly jobs: () => number;
  readonly lane: (hop: Hop) => Promise<{ readonly peer: Peer; readonly done: Done[] }>;
}

async function start(channel: Channel, settings = config, log = keepingLogger()): Promise<Started> {
  let jobs = 0;
  const worker: Worker = {
    name: `${channel}-1`,
    instance: `${channel}-1-test`,
    farm: channel,
    config: settings,
    log,
    fd: () => undefined,
    jobDone: (n = 1) => void (jobs += n),
    wake: () => {},
    kill: () => {},
    settle: () => {},
    finish: () => {},
  };
  const role = await startTransport(worker);
  roles.push(role);
  return {
    role,
    jobs: () => jobs,
    async lane(hop) {
      const self = makeHello({ farm: 'scheduler', worker: 'scheduler-1' });
      const peer = await connectPeer({ address: `run/${channel}.sock`, self, deadlineMs: 60_000 });
      const done: Done[] = [];
      peer.onFrame = (frame) => {
        if (frame.t === 'done') done.push(frame);
      };
      peer.send({ t: 'open', lane: 'l1', hop });
      return { peer, done };
    },
  };
}

/** Answers may come as frames or, for peers that match ids, not at all: `done` is asked for as a request. */
async function give(peer: Peer, handle: Handle, fields: object = {}): Promise<Done> {
  const answer = await peer.request({ t: 'job', handle, to: ['user@example.org'], attempts: 0, ...fields }, 60_000);
  assert.equal(answer.t, 'done');
  return answer;
}

describe('the transport role', () => {
  it('delivers to a next hop over SMTP', async () => {
    await using sink = await startSink();
    const { lane, role, jobs } = await start('smtp');
    const { peer } = await lane({ channel: 'smtp', next: `[127.0.0.1]:${sink.port}` });
    const done = await Promise.all([give(peer, await put()), give(peer, await put())]);
    assert.deepEqual(
      done.map(({ outcomes }) => outcomes[0]?.state),
      ['delivered', 'delivered'],
    );
    assert.equal(sink.sessions, 1);
    assert.equal(sink.ledger[0]?.content.toString(), CONTENT);
    assert.equal(jobs(), 2);
    assert.equal(role.stats?.()['lanes'], 1);
    assert.equal(role.stats?.()['dnsSent'], 0, 'it tells what it asks of DNS: nothing for an address');
    await role.drain(Date.now() + 5000);
    await waitFor(() => peer.closed);
  });

  it('moves to the tree what it defers', async () => {
    const { lane, role } = await start('smtp');
    const { peer } = await lane({ channel: 'smtp', next: '[127.0.0.1]:1' });
    const handle = await put();
    const done = await give(peer, handle);
    assert.equal(done.moved, true);
    assert.equal(done.outcomes[0]?.state, 'deferred');
    assert.equal(done.trouble?.status, '4.4.1');
    const found = await store.read(handle.slice(0, 19) as Handle);
    assert.equal(found.kind, 'found');
    await role.drain(Date.now() + 5000);
    assert.ok(segments.some(({ segment }) => segment.startsWith('outcome/')));
  });

  it('delivers to a Maildir', async () => {
    const { lane, role } = await start('maildir');
    const { peer } = await lane({ channel: 'maildir', next: '' });
    const done = await give(peer, await put(), { next: 'example.org/user' });
    assert.equal(done.outcomes[0]?.state, 'delivered');
    const [mail] = readMaildir('mail/example.org/user');
    assert.match(
      mail?.content.toString() ?? '',
      /^Return-Path: <sender@test\.example>\nDelivered-To: user@example\.org\nSubject: x\n/,
    );
    await role.drain(Date.now() + 5000);
  });

  it('puts a report into the queue and hands it on to the router', async () => {
    const { lane, role } = await start('bounce');
    const { peer } = await lane({ channel: 'bounce', next: '' });
    const reply = { code: 550, status: '5.1.1', text: 'unknown' };
    const handle = await put();
    const done = await give(peer, handle, { kind: 'failed', failures: [{ to: ['user@example.org'], reply }] });
    assert.equal(done.outcomes[0]?.state, 'bounced');
    const [frame] = await waitFor(() => handedOn.length > 0 && handedOn);
    assert.ok(frame?.t === 'accepted');
    assert.deepEqual(frame.envelope.settles, { id: handle.slice(0, 19), recipients: ['user@example.org'] });
    const found = await store.read(frame.handle as Handle);
    assert.ok(found.kind === 'found' && found.message.bytes?.includes('Action: failed'));
    await role.drain(Date.now() + 5000);
  });

  it('says that it leaves a report behind which no router took, and is not idle before', async () => {
    const { lane, role } = await start('bounce', {
      ...config,
      farms: { ...config.farms, router: farm('away') },
    } as Config);
    const { peer } = await lane({ channel: 'bounce', next: '' });
    const reply = { code: 550, status: '5.1.1', text: 'unknown' };
    await give(peer, await put(), { kind: 'failed', failures: [{ to: ['user@example.org'], reply }] });
    await waitFor(() => role.stats?.()['busy'] === 1);
    assert.equal(await role.drain(Date.now() + 1000), 'unfinished');
  });

  it('says the same of a large report that waits for its line to be in the log', async () => {
    // The report waits for its line until the drain is over, however slow the machine: nothing hands it on in time.
    const over = Promise.withResolvers<boolean>();
    let draining = false;
    const flush = async (ms = 1000): Promise<boolean> => (draining ? (await pause(ms), false) : over.promise);
    const settings = { ...config, queue: { ...queue, inline: 1, segmentAge: 60_000 } } as Config;
    const { lane, role } = await start('bounce', settings, { ...keepingLogger(), flush });
    const { peer } = await lane({ channel: 'bounce', next: '' });
    const reply = { code: 550, status: '5.1.1', text: 'unknown' };
    await give(peer, await put(), { kind: 'failed', failures: [{ to: ['user@example.org'], reply }] });
    draining = true;
    assert.equal(await role.drain(Date.now() + 1000), 'unfinished');
    over.resolve(false);
  });

  it('begins nothing for a lane that was being opened when the end came', async () => {
    await using sink = await startSink();
    const silent = createServer((socket) => socket.unref())
      .listen(0, '127.0.0.1')
      .unref();
    await once(silent, 'listening');
    const { lane, role } = await start('smtp');
    const busy = await lane({ channel: 'smtp', next: `[127.0.0.1]:${(silent.address() as AddressInfo).port}` });
    const cut = give(busy.peer, await put());
    await once(silent, 'connection');
    const socket = connect('run/smtp.sock');
    await once(socket, 'connect');
    // In the line of what is accepted it is before the next, which is greeted.
    (await lane({ channel: 'smtp', next: `[127.0.0.1]:${sink.port}` })).peer.close();
    const handle = await put();
    const drained = role.drain(Date.now() + 1500);
    const late = await shakeHands(socket, makeHello({ farm: 'scheduler', worker: 'scheduler-1' }), 5000);
    assert.ok(typeof late !== 'string');
    late.send({ t: 'open', lane: 'l2', hop: { channel: 'smtp', next: `[127.0.0.1]:${sink.port}` } });
    const job = { t: 'job', handle, to: ['user@example.org'], attempts: 0 } as const;
    const answer = late.request(job, 10_000).then(
      ({ t }) => t,
      () => 'gone',
    );
    assert.equal(await answer, 'gone');
    assert.equal((await cut).outcomes[0]?.state, 'deferred');
    await drained;
    assert.equal(sink.sessions, 0);
    silent.close().unref();
  });

  it('refuses to be a farm that it is not', async () => {
    await assert.rejects(start('router' as Channel), /no transport channel/);
  });
});
