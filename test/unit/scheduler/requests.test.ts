import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectPeer } from '../../../src/ipc/connect.ts';
import { makeHello } from '../../../src/ipc/hello.ts';
import { listenForPeers } from '../../../src/ipc/listen.ts';
import type { Part } from '../../../src/ipc/messages.ts';
import type { Peer } from '../../../src/ipc/peer.ts';
import { FinishedBefore } from '../../../src/scheduler/finished-before.ts';
import { OnceRead } from '../../../src/scheduler/once-read.ts';
import { serveRequests } from '../../../src/scheduler/requests.ts';
import { makeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';
import { delivered, HOP, openRig, routed, RULES, SEGMENT, type Rig, type RigOptions } from './support.ts';

interface Served extends AsyncDisposable {
  readonly rig: Rig;
  readonly connect: (farm?: string) => Promise<Peer>;
  /** Connections that the scheduler has not seen end. */
  readonly open: () => number;
}

async function serve(options: RigOptions & { readonly before?: OnceRead } = {}): Promise<Served> {
  const rig = await openRig(options);
  const { conductor, segments, index, claims, books } = rig;
  const before = options.before ? { before: options.before } : {};
  const path = `${makeTemp('requests')}/x.sock`;
  const onEvent = (): void => undefined;
  const server = await listenForPeers({
    path,
    self: makeHello({ farm: 'scheduler', worker: 'scheduler-1-test' }),
    onPeer: (peer) => serveRequests(peer, { conductor, claims, segments, index, audit: { books }, onEvent, ...before }),
  });
  return {
    rig,
    open: () => server.peers.size,
    connect: (farm = 'cli') =>
      connectPeer({ address: path, self: makeHello({ farm, worker: `${farm}-1-test` }), deadlineMs: 60_000 }),
    async [Symbol.asyncDispose]() {
      await server.close();
      await rig[Symbol.asyncDispose]();
    },
  };
}

/** A message whose time has not come. */
function waiting(): ReturnType<typeof routed> {
  return routed([], { parts: [{ hop: { channel: 'smtp', next: 'x' }, to: ['a@x'], until: Date.now() + 1e6 }] });
}

describe('requests to the scheduler', () => {
  it('take messages over, and know them when they come again', async () => {
    await using served = await serve({ work: delivered });
    const peer = await served.connect();
    const { id: _id, ...frame } = routed();
    for (let i = 0; i < 3; i += 1) assert.equal((await peer.request(frame, 5000)).t, 'taken');
    await waitFor(() => served.rig.conductor.counts.finished === 1);
    assert.equal(served.rig.jobs.length, 1);
    peer.close();
  });

  it('are refused where they make no sense, and the connection stays', async () => {
    await using served = await serve();
    const peer = await served.connect();
    const answer = await peer.request({ t: 'job', handle: 'x', to: [], attempts: 0 }, 60_000);
    assert.equal(answer.t, 'refused');
    assert.equal((await peer.request({ t: 'plan?' }, 60_000)).t, 'plan');
    peer.close();
  });

  it('give claimed messages back when whoever claimed them is gone', async () => {
    await using served = await serve();
    const message = routed([], {
      parts: [{ hop: { channel: 'smtp', next: 'x' }, to: ['a@x'], until: Date.now() + 1e6 }],
    });
    served.rig.conductor.take(message);
    const peer = await served.connect();
    const claimed = await peer.request({ t: 'claim', ids: [message.id] }, 60_000);
    assert.deepEqual(claimed.t === 'claimed' && claimed.ids, [message.id]);
    assert.equal(served.rig.index.size, 0);
    peer.close();
    await waitFor(() => served.rig.index.size === 1);
    assert.equal(served.rig.jobs.length, 0, 'its time has not come');
  });

  it('forget only what the same connection claimed', async () => {
    await using served = await serve();
    const until = Date.now() + 1e6;
    const message = routed([], { parts: [{ hop: { channel: 'smtp', next: 'x' }, to: ['a@x'], until }] });
    served.rig.conductor.take(message);
    const [mine, other] = [await served.connect(), await served.connect()];
    await mine.request({ t: 'claim', ids: [message.id] }, 60_000);
    await other.request({ t: 'forget', ids: [message.id] }, 60_000);
    assert.ok(served.rig.conductor.ledger.claimed.has(message.id));
    await mine.request({ t: 'forget', ids: [message.id] }, 60_000);
    assert.equal(served.rig.conductor.ledger.claimed.has(message.id), false);
    mine.close();
    other.close();
  });

  it('take a message as a command left it in the step in which they forget it, so that it may end at any moment', async () => {
    await using served = await serve();
    const { index, conductor } = served.rig;
    const [soon, late] = [Date.now() + 1e6, Date.now() + 2e6];
    const parts = (until: number): Part[] => [{ hop: { channel: 'smtp', next: 'x' }, to: ['a@x'], until }];
    const { id, ...message } = routed([], { parts: parts(soon) });
    conductor.take(message);
    const peer = await served.connect();
    await peer.request({ t: 'claim', ids: [id] }, 60_000);
    // No answer is waited for: the command is gone with its last word.
    peer.send({ t: 'forget', n: 1, ids: [id], resumed: { ...message, handle: id, parts: parts(late) } });
    peer.close();
    await waitFor(() => !conductor.ledger.claimed.has(id));
    assert.deepEqual(
      index.rowsOfId(id).map(({ data }) => (JSON.parse(data) as { m: { handle: string } }).m.handle),
      [id],
      'at work, and known by its file',
    );
  });

  it('take what a command restored, and nobody had claimed', async () => {
    await using served = await serve();
    const { id, ...message } = routed();
    const peer = await served.connect();
    await peer.request({ t: 'forget', ids: [id], resumed: { ...message, handle: id } }, 60_000);
    assert.equal(served.rig.conductor.counts.taken, 1);
    peer.close();
  });

  it('keep what goes by a router claimed until it comes from there', async () => {
    await using served = await serve();
    const { conductor, index } = served.rig;
    const { id, ...message } = waiting();
    conductor.take(message);
    const [command, other, router] = [await served.connect(), await served.connect(), await served.connect()];
    await command.request({ t: 'claim', ids: [id] }, 60_000);
    await command.request({ t: 'forget', ids: [id], routing: true }, 60_000);
    const claim = async (): Promise<readonly string[]> => {
      const claimed = await other.request({ t: 'claim', ids: [id] }, 60_000);
      return claimed.t === 'claimed' ? claimed.busy : [];
    };
    assert.deepEqual(await claim(), [id]);
    await router.request(message, 60_000);
    assert.equal(index.size, 0, 'the handle of its record is of a time before the command');
    await router.request({ ...message, handle: id }, 60_000);
    assert.equal(index.size, 1);
    assert.deepEqual(await claim(), []);
    command.close();
    const stats = await router.request({ t: 'stats?' }, 60_000);
    assert.equal(
      stats.t === 'stats' && stats.parked,
      0,
      'the end of the command gives nothing back that another claimed',
    );
    for (const peer of [other, router]) peer.close();
  });

  it('put to work what was to come by a router, when the command is gone before', async () => {
    await using served = await serve();
    const { conductor, index } = served.rig;
    const { id, ...message } = waiting();
    conductor.take(message);
    const command = await served.connect();
    await command.request({ t: 'claim', ids: [id] }, 60_000);
    await command.request({ t: 'forget', ids: [id], routing: true }, 60_000);
    command.close();
    await waitFor(() => index.size === 1);
    const router = await served.connect();
    await router.request({ ...message, handle: id }, 60_000);
    assert.deepEqual([index.size, conductor.counts.known], [1, 1], 'it may come all the same');
    router.close();
  });

  it('give out a plan once more when the settler that had it is gone', async () => {
    await using served = await serve();
    const { segments, conductor } = served.rig;
    conductor.take(routed([{ channel: 'smtp', next: 'x' }]));
    segments.close(`journal/${SEGMENT}`, 1, []);
    const [first, second] = [await served.connect(), await served.connect()];
    const planned = async (peer: Peer): Promise<number> => {
      const plan = await peer.request({ t: 'plan?' }, 60_000);
      return plan.t === 'plan' ? plan.segments.length : -1;
    };
    served.rig.pass(60_001);
    assert.equal(await planned(first), 1);
    assert.equal(await planned(second), 0);
    first.close();
    await waitFor(() => segments.wantsSettling());
    assert.equal(await planned(second), 1);
    second.close();
  });

  it('give out a plan in its time, not at once, when the settler that had it passed over what it could not read', async () => {
    await using served = await serve();
    const { segments, conductor } = served.rig;
    conductor.take(routed([{ channel: 'smtp', next: 'x' }]));
    segments.close(`journal/${SEGMENT}`, 1, []);
    served.rig.pass(60_001);
    const settler = await served.connect();
    for (const expected of [1, 0]) {
      const plan = await settler.request({ t: 'plan?' }, 60_000);
      assert.equal(plan.t === 'plan' && plan.segments.length, expected);
    }
    settler.close();
    const other = await served.connect();
    const stats = await other.request({ t: 'stats?' }, 60_000);
    assert.equal(stats.t, 'stats', 'the first one is gone for the scheduler by now');
    assert.equal(segments.wantsSettling(), false);
    served.rig.pass(60_001);
    assert.equal(segments.wantsSettling(), true);
    other.close();
  });

  it('tell what a message waits for: its time, its bin, or a worker', async () => {
    await using served = await serve();
    const { conductor } = served.rig;
    const peer = await served.connect();
    const where = async (id: string) => {
      const answer = await peer.request({ t: 'where?', ids: [id, 'nobody'] }, 60_000);
      assert.ok(answer.t === 'where');
      return answer.parts;
    };
    const hop = { channel: 'smtp', next: 'dead' } as const;
    const trouble = { code: 451, status: '4.4.1', text: 'connection refused' };
    conductor.trouble(conductor.homes.bins.of(hop, conductor.homes.tenants.of('default')), trouble, 3_600_000);
    const behind = routed([hop]);
    conductor.take(behind);
    const [part] = await where(behind.id);
    assert.deepEqual([part?.hop, part?.to, part?.trouble], [hop, ['to-0@example.org'], trouble]);
    assert.ok((part?.until ?? 0) > Date.now() + 3_000_000, 'the time of its bin');
    const until = Date.now() + 1e6;
    const later = routed([], { parts: [{ hop: HOP, to: ['b@x'], attempts: 1, until }] });
    conductor.take(later);
    const [own] = await where(later.id);
    assert.ok(Math.abs((own?.until ?? 0) - until) < 1000 && own?.trouble === undefined, 'its own time');
    const given = routed();
    conductor.take(given);
    await waitFor(() => served.rig.jobs.length === 1);
    assert.deepEqual(
      (await where(given.id)).map(({ inDelivery }) => inDelivery),
      [true],
    );
    peer.close();
  });

  it('tell closely of one message what its bin does, and how many are before it', async () => {
    await using served = await serve({ rules: { window: 12, retry: { ...RULES.retry, times: [3_600_000] } } });
    const { conductor, claims } = served.rig;
    const peer = await served.connect();
    const where = async (id: string) => {
      const answer = await peer.request({ t: 'where?', ids: [id], closely: true }, 60_000);
      assert.ok(answer.t === 'where');
      return answer;
    };
    const dead = { channel: 'smtp', next: 'dead' } as const;
    conductor.trouble(
      conductor.homes.bins.of(dead, conductor.homes.tenants.of('default')),
      { code: 451, status: '4.4.1', text: 'refused' },
      undefined,
    );
    const behind = routed([dead]);
    conductor.take(behind);
    const [waiting] = (await where(behind.id)).parts;
    assert.deepEqual([waiting?.bin?.troubles, waiting?.bin?.waiting, waiting?.ahead], [1, 1, undefined]);
    assert.ok((waiting?.bin?.until ?? 0) > Date.now());
    const all = Array.from({ length: 30 }, () => routed());
    for (const frame of all) conductor.take(frame);
    await waitFor(() => served.rig.jobs.length === 4, { what: 'two lanes with two jobs each' });
    const places: (number | undefined)[] = [];
    for (const { id } of all.slice(4)) places.push((await where(id)).parts[0]?.ahead);
    assert.deepEqual(
      places,
      Array.from({ length: 26 }, (_, n) => n),
      'in memory and in the index',
    );
    const bin = (await where(all[5]?.id ?? '')).parts[0]?.bin;
    assert.deepEqual([bin?.waiting, bin?.lanes, bin?.inDelivery, bin?.troubles, bin?.until], [26, 2, 4, 0, undefined]);
    const { id = '' } = all.at(-1) ?? {};
    assert.equal((await where(id)).claimed, undefined);
    claims.claim([id]);
    assert.deepEqual(await where(id).then(({ claimed, parts }) => [claimed, parts]), [[id], []]);
    peer.close();
  });

  it('tell no more places in line when one answer has counted enough', async () => {
    await using served = await serve({ rules: { window: 20_000 } });
    const { conductor } = served.rig;
    const all = Array.from({ length: 12_000 }, () => routed());
    for (const frame of all) conductor.take(frame);
    await waitFor(() => served.rig.jobs.length === 4, { what: 'two lanes with two jobs each' });
    const peer = await served.connect();
    const ids = [all[3_000], ...all.slice(-4)].map((frame) => frame?.id ?? '');
    const answer = await peer.request({ t: 'where?', ids, closely: true }, 60_000);
    assert.ok(answer.t === 'where');
    assert.deepEqual(
      answer.parts.map(({ ahead, bin }) => [ahead, bin?.waiting]),
      [2_996, 10_000, 10_000, undefined, undefined].map((ahead) => [ahead, 11_996]),
    );
    peer.close();
  });

  it('take what a router hands on when it is known what was finished before, and all else at once', async () => {
    const { promise: read, resolve } = Promise.withResolvers<FinishedBefore>();
    let reads = 0;
    const onTrouble = (why: string): void => assert.fail(why);
    const before = new OnceRead(() => ((reads += 1), read), onTrouble);
    await using served = await serve({ before });
    const { conductor } = served.rig;
    const [finished, open, injected, gone] = [waiting(), waiting(), waiting(), waiting()];
    const [router, injector, dead] = [
      await served.connect('router'),
      await served.connect('injector'),
      await served.connect('router'),
    ];
    dead.send({ ...gone, n: 1 });
    assert.equal((await dead.request({ t: 'stats?' }, 60_000)).t, 'stats');
    dead.close();
    await waitFor(() => served.open() === 2);
    let taken = 0;
    const handing = [finished, open].map((frame) => router.request(frame, 60_000).then(() => (taken += 1)));
    await injector.request(injected, 60_000);
    assert.equal((await router.request({ t: 'stats?' }, 60_000)).t, 'stats');
    assert.deepEqual([taken, conductor.counts.taken, reads], [0, 1, 1]);
    resolve(new FinishedBefore((id) => ({ finished: new Set(id === finished.id ? ['a@x'] : []), owed: [] })));
    await Promise.all(handing);
    assert.deepEqual(
      [finished, open, injected, gone].map(({ id }) => served.rig.index.hasId(id)),
      [false, true, true, false],
    );
    for (const peer of [router, injector]) peer.close();
  });

  it('take what a router hands on when the injector walked the queue, although not all was read', async () => {
    const { promise, resolve } = Promise.withResolvers<FinishedBefore>();
    await using served = await serve({ before: new OnceRead(() => promise, assert.fail) });
    const router = await served.connect('router');
    const handing = router.request(waiting(), 60_000);
    const injector = await served.connect('injector');
    for (const phase of ['begin', 'end'] as const) await injector.request({ t: 'walk', phase }, 60_000);
    assert.equal((await handing).t, 'taken');
    const closed = Promise.withResolvers<void>();
    resolve(new FinishedBefore(() => ({ finished: new Set(['a@x']), owed: [] }), closed.resolve));
    await closed.promise;
    await router.request(waiting(), 60_000);
    assert.equal(served.rig.index.size, 2);
    for (const peer of [router, injector]) peer.close();
  });

  it('read what was finished before for a router only, and again after trouble', async () => {
    let reads = 0;
    const troubles: string[] = [];
    const read = (): Promise<FinishedBefore> => {
      reads += 1;
      return reads === 1
        ? Promise.reject(new Error('EMFILE'))
        : Promise.resolve(new FinishedBefore(() => ({ finished: new Set(), owed: [] })));
    };
    await using served = await serve({ before: new OnceRead(read, (why) => troubles.push(why)) });
    const [injector, router] = [await served.connect('injector'), await served.connect('router')];
    await injector.request(waiting(), 60_000);
    assert.equal(reads, 0);
    await Promise.all([1, 2].map(() => router.request(waiting(), 60_000)));
    assert.deepEqual([reads, troubles], [2, ['EMFILE']]);
    for (const peer of [injector, router]) peer.close();
  });

  it('do not read what was finished before where the injector walked the queue already', async () => {
    await using served = await serve({ before: new OnceRead(() => assert.fail('read'), assert.fail) });
    const [injector, router] = [await served.connect('injector'), await served.connect('router')];
    for (const phase of ['begin', 'end'] as const) await injector.request({ t: 'walk', phase }, 60_000);
    await router.request(waiting(), 60_000);
    assert.equal(served.rig.index.size, 1);
    for (const peer of [injector, router]) peer.close();
  });

  it('tell figures, and whether the injector walks', async () => {
    await using served = await serve();
    const peer = await served.connect();
    await peer.request({ t: 'walk', phase: 'begin' }, 60_000);
    served.rig.conductor.take(routed());
    const stats = await peer.request({ t: 'stats?' }, 60_000);
    assert.ok(stats.t === 'stats');
    assert.deepEqual([stats.active, stats.parked, stats.walking, stats.bins.length], [1, 0, true, 1]);
    await peer.request({ t: 'walk', phase: 'end' }, 60_000);
    assert.equal(served.rig.conductor.ledger.walking, false);
    peer.close();
  });
});
