/** What tenants get of lanes and turns beside each other, and what their limits keep back: a conductor with real lanes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Hop } from '../../../src/mail/outcome.ts';
import type { TenantRules } from '../../../src/scheduler/tenants.ts';
import { waitFor, waitForQuiet } from '../../support/wait.ts';
import { delivered, HOP, openRig, routed, RULES, type GivenJob, type Rig } from './support.ts';

const trouble = { code: 451, status: '4.4.1', text: 'connection refused' };
const hopOf = (n: number): Hop => ({ channel: 'smtp', next: `[192.0.2.1]:${n + 1}` });

function apply(rig: Rig, rows: Readonly<Record<string, Partial<TenantRules>>>): void {
  const plain: TenantRules = { weight: 1, lanes: 0, dedicated: 0 };
  rig.conductor.homes.applyTenants(new Map(Object.entries(rows).map(([name, row]) => [name, { ...plain, ...row }])));
}

/** Takes one message of the tenant for the hop; answers its handle. */
function send(rig: Rig, tenant: string, hop: Hop = HOP): string {
  const message = routed([hop], { tenant });
  rig.conductor.take(message);
  return message.handle;
}

function lanes(smtp: number, more: Partial<typeof RULES.lanes> = {}): { lanes: typeof RULES.lanes } {
  return { lanes: { ...RULES.lanes, perChannel: { ...RULES.lanes.perChannel, smtp }, depth: 1, ...more } };
}

/** Nothing is left behind that counts. */
async function checkClean(rig: Rig): Promise<void> {
  const { conductor, index } = rig;
  await waitFor(() => conductor.ledger.size === 0 && index.size === 0);
  conductor.dispatcher.closeIdle();
  for (const tenant of conductor.homes.tenants.all()) {
    assert.deepEqual([tenant.name, tenant.queued, tenant.stalled.size], [tenant.name, 0, 0]);
  }
  assert.deepEqual([conductor.active, conductor.dispatcher.lanes.size, [...conductor.homes.bins.all()]], [0, 0, []]);
}

/** Ends the jobs that are in hand, as they come, until the condition holds. */
async function deliverUntil(waiting: GivenJob[], condition: () => boolean): Promise<void> {
  await waitFor(() => {
    for (const given of waiting.splice(0)) delivered(given);
    return condition();
  });
}

describe('tenants of one bin', () => {
  it('do not wait for the 5000 messages of another', async () => {
    let one = '';
    let doneAfter = -1;
    let began = 0;
    await using rig = await openRig({
      rules: { ...lanes(4), window: 20_000 },
      work(given) {
        if (given.job.handle === one) doneAfter = rig.jobs.length - began;
        delivered(given);
      },
    });
    apply(rig, { big: {}, small: {} });
    for (let i = 0; i < 5000; i += 1) send(rig, 'big');
    await waitFor(() => rig.jobs.length >= 50);
    began = rig.jobs.length;
    one = send(rig, 'small');
    await waitFor(() => rig.conductor.counts.finished === 5001);
    assert.ok(doneAfter >= 0 && doneAfter < 20, `after ${doneAfter} jobs of the other`);
    await checkClean(rig);
  });

  it('share it by their weights', async () => {
    const tenants = new Map<string, string>();
    const order: string[] = [];
    await using rig = await openRig({
      rules: { ...lanes(1, { perBin: 1 }), window: 10_000 },
      work(given) {
        order.push(tenants.get(given.job.handle) ?? '');
        delivered(given);
      },
    });
    apply(rig, { light: { weight: 1 }, heavy: { weight: 4 } });
    for (const name of ['light', 'heavy']) for (let i = 0; i < 400; i += 1) tenants.set(send(rig, name), name);
    await waitFor(() => rig.conductor.counts.finished === 800);
    const ofHeavy = order.slice(0, 250).filter((name) => name === 'heavy').length;
    assert.ok(Math.abs(ofHeavy - 200) <= 8, `${ofHeavy} of 250`);
    await checkClean(rig);
  });

  it('have some parts in memory also when others fill the window', async () => {
    let waits = true;
    await using rig = await openRig({
      rules: { ...lanes(1, { perBin: 1 }), window: 50 },
      work: (given) => void (waits || delivered(given)),
    });
    apply(rig, { big: {}, small: {} });
    for (let i = 0; i < 500; i += 1) send(rig, 'big');
    assert.ok(rig.index.size >= 440);
    const parked = rig.index.size;
    for (let i = 0; i < 10; i += 1) send(rig, 'small');
    assert.equal(rig.index.size, parked, 'ten of its own are in memory');
    send(rig, 'small');
    assert.equal(rig.index.size, parked + 1);
    await waitFor(() => rig.jobs.length === 1);
    waits = false;
    delivered(rig.jobs[0]!);
    await waitFor(() => rig.conductor.counts.finished === 511);
    assert.equal(rig.jobs.length, 511);
    await checkClean(rig);
  });

  it('are given what waits in the index also when all of it in memory was taken away', async () => {
    await using rig = await openRig({ rules: { ...lanes(1, { perBin: 1 }), window: 1 } });
    apply(rig, { one: {}, other: {} });
    const first = send(rig, 'other');
    await waitFor(() => rig.jobs.length === 1);
    const messages = Array.from({ length: 12 }, () => routed([HOP], { tenant: 'one' }));
    for (const message of messages) rig.conductor.take(message);
    send(rig, 'other');
    assert.equal(rig.index.size, 2);
    const inMemory = messages.slice(0, 10).map(({ id }) => id);
    assert.deepEqual(rig.claims.claim(inMemory).ids, inMemory);
    assert.equal(rig.jobs[0]?.job.handle, first);
    for (let i = 0; i < 4; i += 1) {
      await waitFor(() => rig.jobs.length > i);
      delivered(rig.jobs[i]!);
    }
    await waitFor(() => rig.conductor.counts.finished === 4);
    rig.claims.forget(inMemory);
    await checkClean(rig);
  });
});

describe('lanes of a channel', () => {
  it('are never all taken by one tenant: the last are for those that have none', async () => {
    let small = '';
    await using rig = await openRig({
      rules: lanes(20),
      work: (given) => void (given.job.handle === small && delivered(given)),
    });
    apply(rig, { big: {}, small: {} });
    for (let n = 0; n < 50; n += 1) send(rig, 'big', hopOf(n));
    await waitFor(() => rig.jobs.length === 19);
    small = send(rig, 'small', hopOf(60));
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.equal(rig.jobs.length, 20, 'at once, though nothing else was finished');
    for (const given of rig.jobs) if (given.job.handle !== small) delivered(given);
    let done = 20;
    await waitFor(() => {
      for (; done < rig.jobs.length; done += 1) delivered(rig.jobs[done]!);
      return rig.conductor.counts.finished === 51;
    });
    await checkClean(rig);
  });

  it('are all for the one tenant there is, when no other is configured', async () => {
    await using rig = await openRig({ rules: lanes(20) });
    for (let n = 0; n < 50; n += 1) send(rig, 'default', hopOf(n));
    await waitFor(() => rig.jobs.length === 20);
    let done = 0;
    await waitFor(() => {
      for (; done < rig.jobs.length; done += 1) delivered(rig.jobs[done]!);
      return rig.conductor.counts.finished === 50;
    });
    await checkClean(rig);
  });

  it('make room after the job at hand where a tenant has more than its share', async () => {
    const small = new Set<string>();
    const waiting: GivenJob[] = [];
    let jobsOfBig = 0;
    await using rig = await openRig({
      rules: lanes(6),
      work(given) {
        waiting.push(given);
        if (!small.has(given.job.handle)) jobsOfBig += 1;
      },
    });
    apply(rig, { big: {}, small: {} });
    for (let n = 0; n < 5; n += 1) for (let i = 0; i < 40; i += 1) send(rig, 'big', hopOf(n));
    await waitFor(() => waiting.length === 5);
    for (let n = 0; n < 3; n += 1) small.add(send(rig, 'small', hopOf(10 + n)));
    const before = jobsOfBig;
    const isSmall = (given: GivenJob): boolean => small.has(given.job.handle);
    // Jobs of the small one stay in hand. Two lanes are its share: three are the big one's, and the last is kept for others.
    await waitFor(() => {
      for (const given of waiting.filter((one) => !isSmall(one))) {
        waiting.splice(waiting.indexOf(given), 1);
        delivered(given);
      }
      return waiting.filter(isSmall).length === 2;
    });
    assert.ok(jobsOfBig - before <= 20, `${jobsOfBig - before} more of the big one before its share was given up`);
    await deliverUntil(waiting, () => rig.conductor.counts.finished === 203);
    await checkClean(rig);
  });

  it('leave no trace of a next hop behind, when they made room after its last message', async () => {
    await using rig = await openRig({ rules: lanes(4, { perBin: 1 }), work: delivered });
    apply(rig, { one: {}, other: {} });
    for (let n = 0; n < 100; n += 1) {
      send(rig, 'one', hopOf(n));
      send(rig, 'other', hopOf(n));
    }
    await waitFor(() => rig.conductor.counts.finished === 200);
    await checkClean(rig);
  });
});

describe('the limits of a tenant', () => {
  it('let a burst go and keep the rest until there is room, without a word of it being lost', async () => {
    await using rig = await openRig({ rules: { ...lanes(4), window: 20 }, work: delivered });
    apply(rig, { shop: { rate: { perSecond: 1 / 3600, burst: 7 } } });
    for (let i = 0; i < 60; i += 1) send(rig, 'shop', hopOf(i % 6));
    const free = send(rig, 'default');
    await waitFor(() => rig.jobs.length === 8);
    await waitForQuiet(() => rig.jobs.length, { looks: 20 });
    assert.equal(rig.jobs.length, 8, 'seven, and the one of another tenant');
    assert.ok(rig.jobs.some(({ job }) => job.handle === free));
    assert.equal(rig.conductor.homes.tenants.of('shop').queued, 53);
    apply(rig, {});
    await waitFor(() => rig.conductor.counts.finished === 61);
    assert.equal(rig.jobs.length, 61);
    await checkClean(rig);
  });

  it('keep its mail to so many lanes at a time, over all bins', async () => {
    const inHand: GivenJob[] = [];
    let most = 0;
    await using rig = await openRig({
      rules: lanes(10),
      work(given) {
        inHand.push(given);
        most = Math.max(most, new Set(inHand.map(({ peer }) => peer)).size);
      },
    });
    apply(rig, { shop: { lanes: 3 }, other: {} });
    for (let i = 0; i < 60; i += 1) send(rig, 'shop', hopOf(i % 12));
    await waitFor(() => inHand.length === 3);
    await waitFor(() => {
      const given = inHand.shift();
      if (given) delivered(given);
      return rig.conductor.counts.finished === 60;
    });
    assert.equal(most, 3);
    assert.equal(rig.jobs.length, 60);
    await checkClean(rig);
  });

  it('let one probe a bin in trouble, as they do without', async () => {
    let down = true;
    let unheard = 0;
    const fail = (given: GivenJob): void => {
      const { to, attempts } = given.job;
      const [at, until] = [Date.now(), Date.now() + 1e6];
      given.done([{ state: 'deferred', recipients: to, at, attempts: attempts + 1, until, hop: given.lane.hop }], {
        trouble,
      });
    };
    await using rig = await openRig({
      rules: { ...lanes(4), retry: { ...RULES.retry, times: [20] } },
      work(given) {
        unheard = Math.max(unheard, rig.jobs.length - rig.conductor.counts.troubles);
        if (!down) delivered(given);
        else if (rig.jobs.length > 1) fail(given);
      },
    });
    apply(rig, { shop: { lanes: 1 } });
    const messages = Array.from({ length: 100 }, () => routed([HOP], { tenant: 'shop' }));
    for (const message of messages) rig.conductor.take(message);
    await waitFor(() => rig.jobs.length === 1 && rig.conductor.homes.tenants.of('shop').stalled.size > 0);
    fail(rig.jobs[0]!);
    await waitFor(() => rig.conductor.counts.troubles >= 8);
    assert.equal(unheard, 1, 'no job is given before it is known what became of the one before');
    down = false;
    const ids = messages.map(({ id }) => id);
    await waitFor(() => rig.conductor.counts.finished >= 80 && rig.conductor.active === 0);
    // What was tried waits for long: the command takes it, and sends it once more.
    const { ids: mine } = rig.claims.claim(ids);
    rig.claims.forget(mine);
    await checkClean(rig);
  });
});

describe('what waits for a tenant', () => {
  it('is counted through all that may become of a message', async () => {
    await using rig = await openRig();
    const { conductor, claims } = rig;
    apply(rig, { shop: {} });
    const queued = (): number => conductor.homes.tenants.of('shop').queued;
    conductor.take(routed([], { tenant: 'shop', parts: [] }));
    assert.equal(queued(), 0, 'nothing of it was to be done');
    const message = routed([HOP, hopOf(7)], { tenant: 'shop' });
    conductor.take(message);
    conductor.take(message);
    assert.equal(queued(), 1, 'a message for two next hops is one');
    await waitFor(() => rig.jobs.length === 2);
    delivered(rig.jobs[0]!);
    const held = { state: 'held', recipients: rig.jobs[1]!.job.to, at: Date.now(), why: 'damaged' } as const;
    rig.jobs[1]!.done([held], { moved: true });
    await waitFor(() => conductor.ledger.size === 0);
    assert.equal(queued(), 0, 'what is held waits for its operator');
    const later = [{ hop: HOP, to: ['a@x'], attempts: 1, until: Date.now() + 1e6 }];
    const claimed = [routed([], { tenant: 'shop', parts: later }), routed([], { tenant: 'shop', parts: later })];
    for (const one of claimed) conductor.take(one);
    const ids = claimed.map(({ id }) => id);
    claims.claim(ids);
    assert.equal(queued(), 2, 'a command has them for a moment');
    claims.giveBack(ids);
    assert.equal(queued(), 2);
    claims.claim(ids);
    claims.forget(ids);
    assert.equal(queued(), 0);
  });
});
