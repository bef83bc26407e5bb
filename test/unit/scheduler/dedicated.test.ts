/** Lanes of a tenant's own: given and taken at run time, with what waits moved. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Hop } from '../../../src/mail/outcome.ts';
import type { TenantRules } from '../../../src/scheduler/tenants.ts';
import { waitFor } from '../../support/wait.ts';
import { delivered, HOP, openRig, routed, RULES, type GivenJob, type Rig, type RigOptions } from './support.ts';

const PLAIN: TenantRules = { weight: 1, lanes: 0, dedicated: 0 };
const trouble = { code: 451, status: '4.4.1', text: 'connection refused' };
const hopOf = (n: number): Hop => ({ channel: 'smtp', next: `[192.0.2.1]:${n + 1}` });
const lanes = { ...RULES.lanes, perBin: 1, depth: 1, perChannel: { ...RULES.lanes.perChannel, smtp: 2 } };

/** Jobs wait for the test until its `open` is set. */
async function openFarm(options: RigOptions = {}): Promise<{ rig: Rig; inHand: GivenJob[]; open: () => void }> {
  const inHand: GivenJob[] = [];
  let isOpen = false;
  const rig = await openRig({
    ...options,
    work: (given) => void (isOpen ? delivered(given) : inHand.push(given)),
  });
  const open = (): void => {
    isOpen = true;
    for (const given of inHand.splice(0)) delivered(given);
  };
  return { rig, inHand, open };
}

function send(rig: Rig, tenant: string, hop: Hop = HOP): void {
  rig.conductor.take(routed([hop], { tenant }));
}

async function checkClean({ conductor, index }: Rig): Promise<void> {
  await waitFor(() => conductor.ledger.size === 0 && index.size === 0);
  conductor.dispatcher.closeIdle();
  const { queued, stalled } = conductor.homes.tenants.of('shop');
  assert.deepEqual([queued, stalled.size, conductor.active, [...conductor.homes.bins.all()]], [0, 0, 0, []]);
}

describe('dedicated lanes', () => {
  it('are given and taken while mail waits, which is delivered once, in its order', async () => {
    const { rig, inHand, open } = await openFarm({ rules: { lanes, window: 30 } });
    await using _ = rig;
    rig.conductor.homes.applyTenants(new Map([['shop', PLAIN]]));
    for (let i = 0; i < 100; i += 1) send(rig, 'shop');
    for (let i = 0; i < 20; i += 1) send(rig, 'default');
    await waitFor(() => inHand.length === 1);
    assert.ok(rig.index.size > 50, 'some wait in the index');
    assert.equal(rig.conductor.homes.dedicate('shop', 1), undefined);
    await waitFor(() => inHand.length === 2, { what: 'a lane of its own beside that of all' });
    const bins = [...rig.conductor.homes.bins.all()];
    assert.deepEqual(
      bins.map(({ owner, waiting }) => [owner?.name, waiting]),
      [
        [undefined, 20],
        ['shop', 98],
      ],
    );
    assert.equal(rig.conductor.homes.dedicate('shop', 0), undefined);
    const [shared, own] = bins;
    assert.deepEqual([shared?.waiting, own?.waiting], [118, 0], 'taken back, with what waited');
    open();
    await waitFor(() => rig.conductor.counts.finished === 120);
    assert.equal(rig.jobs.length, 120);
    await checkClean(rig);
  });

  it('serve their tenant while all others are taken, and take none of those', async () => {
    const { rig, inHand, open } = await openFarm({ rules: { lanes } });
    await using _ = rig;
    rig.conductor.homes.applyTenants(new Map([['shop', { ...PLAIN, dedicated: 1 }]]));
    for (let n = 0; n < 10; n += 1) send(rig, 'default', hopOf(n));
    for (let n = 0; n < 3; n += 1) send(rig, 'shop', hopOf(n));
    await waitFor(() => inHand.length === 2);
    open();
    await waitFor(() => rig.conductor.counts.finished === 13);
    await checkClean(rig);
  });

  it('are open at once when they become more', async () => {
    const { rig, inHand, open } = await openFarm({ rules: { lanes } });
    await using _ = rig;
    rig.conductor.homes.applyTenants(new Map([['shop', { ...PLAIN, dedicated: 1 }]]));
    for (let n = 0; n < 6; n += 1) send(rig, 'shop', hopOf(n));
    await waitFor(() => inHand.length === 1);
    rig.conductor.homes.dedicate('shop', 3);
    await waitFor(() => inHand.length === 3);
    rig.conductor.homes.applyTenants(new Map([['shop', { ...PLAIN, dedicated: 5 }]]));
    await waitFor(() => inHand.length === 5);
    open();
    await waitFor(() => rig.conductor.counts.finished === 6);
    await checkClean(rig);
  });

  it('are open at once when a reload gives more lanes to a channel', async () => {
    const { rig, inHand, open } = await openFarm({ rules: { lanes } });
    await using _ = rig;
    for (let n = 0; n < 6; n += 1) send(rig, 'default', hopOf(n));
    await waitFor(() => inHand.length === 2);
    rig.rules = { ...rig.rules, lanes: { ...lanes, perChannel: { ...lanes.perChannel, smtp: 4 } } };
    rig.conductor.homes.applyTenants(new Map());
    await waitFor(() => inHand.length === 4);
    open();
    await waitFor(() => rig.conductor.counts.finished === 6);
    await checkClean(rig);
  });

  it('go there and back while their tenant waits for its own limits, and nothing is kept back for ever', async () => {
    const many = { ...lanes, perChannel: { ...lanes.perChannel, smtp: 6 } };
    const { rig, inHand, open } = await openFarm({ rules: { lanes: many } });
    await using _ = rig;
    const limited: TenantRules = { ...PLAIN, rate: { perSecond: 1 / 3600, burst: 1 } };
    rig.conductor.homes.applyTenants(new Map([['shop', limited]]));
    send(rig, 'default');
    for (let i = 0; i < 10; i += 1) send(rig, 'shop', hopOf(i % 3));
    await waitFor(() => inHand.length === 2 && rig.conductor.homes.tenants.of('shop').stalled.size > 0);
    for (let i = 0; i < 10; i += 1) send(rig, 'shop');
    for (const lanesOfIts of [2, 0, 1, 0, 3, 1, 0]) {
      rig.conductor.homes.dedicate('shop', lanesOfIts);
      send(rig, 'shop');
    }
    rig.conductor.homes.applyTenants(new Map([['shop', PLAIN]]));
    open();
    await waitFor(() => rig.conductor.counts.finished === 28);
    assert.equal(rig.jobs.length, 28);
    await checkClean(rig);
  });

  it('know that a next hop is in trouble, and wait for it too', async () => {
    let down = true;
    await using rig = await openRig({
      rules: { lanes, retry: { ...RULES.retry, times: [1e6] } },
      work(given) {
        const { to, attempts } = given.job;
        const [at, until] = [Date.now(), Date.now() + 1];
        if (!down) return delivered(given);
        given.done([{ state: 'deferred', recipients: to, at, attempts: attempts + 1, until, hop: given.lane.hop }], {
          trouble,
        });
      },
    });
    rig.conductor.homes.applyTenants(new Map([['shop', PLAIN]]));
    for (let i = 0; i < 5; i += 1) send(rig, 'shop');
    await waitFor(() => rig.conductor.counts.troubles === 1 && rig.conductor.active === 0);
    const jobs = rig.jobs.length;
    rig.conductor.homes.dedicate('shop', 1);
    send(rig, 'shop');
    assert.equal(rig.jobs.length, jobs, 'the next hop is no better than it was');
    assert.ok((rig.conductor.homes.bins.find(HOP, rig.conductor.homes.tenants.of('shop'))?.until ?? 0) > 0);
    down = false;
    rig.conductor.probe(HOP, 'shop');
    await waitFor(() => rig.conductor.counts.finished === 6);
    await waitFor(() => rig.conductor.ledger.size === 0 && rig.index.size === 0);
  });

  it('are for nobody who is not configured', async () => {
    await using rig = await openRig();
    rig.conductor.homes.applyTenants(new Map([['shop', PLAIN]]));
    send(rig, 'shop');
    assert.match(rig.conductor.homes.dedicate('ship', 2) ?? '', /no tenant ship is configured/);
    assert.match(rig.conductor.homes.dedicate('shop', 1e6) ?? '', /1000 lanes/);
    assert.deepEqual(
      [...rig.conductor.homes.tenants.all()].map(({ name }) => name),
      ['shop'],
    );
    await waitFor(() => rig.jobs.length === 1);
    delivered(rig.jobs[0]!);
    await waitFor(() => rig.conductor.counts.finished === 1);
  });
});
