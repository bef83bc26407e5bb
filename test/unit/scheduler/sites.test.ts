/** Bins by site: domains with the same hosts share one, what waits for an answer loses nothing, and answers grow old. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SteadyClock } from '../../../src/base/steady-clock.ts';
import type { Hop } from '../../../src/mail/outcome.ts';
import { Sites, type SiteAnswer } from '../../../src/scheduler/sites.ts';
import { waitFor } from '../../support/wait.ts';
import { delivered, openRig, routed, RULES } from './support.ts';

const hop = (domain: string): Hop => ({ channel: 'smtp', next: `mx:${domain}` });
const BIG = { site: 'mx.big.example', ttl: 60_000 };

describe('mail for domains of one site', () => {
  it('shares a bin and its lanes, and each job names its domain', async () => {
    await using rig = await openRig({ work: delivered, askSite: async () => BIG });
    for (const domain of ['a.example', 'b.example', 'c.example']) rig.conductor.take(routed([hop(domain)]));
    await waitFor(() => rig.conductor.counts.delivered === 3);
    assert.ok(rig.lanes.every((lane) => lane.hop.next === 'site:mx.big.example'));
    assert.deepEqual(
      rig.jobs.map(({ job }) => job.next ?? '').toSorted((a, b) => a.localeCompare(b)),
      ['mx:a.example', 'mx:b.example', 'mx:c.example'],
    );
  });

  it('waits for the answer, asked for once, and opens no lane before', async () => {
    const asked: string[] = [];
    const answer = Promise.withResolvers<SiteAnswer>();
    await using rig = await openRig({ work: delivered, askSite: (next) => (asked.push(next), answer.promise) });
    for (let n = 0; n < 5; n += 1) rig.conductor.take(routed([hop('a.example')]));
    await waitFor(() => asked.length === 1);
    assert.deepEqual([rig.conductor.dispatcher.lanes.size, rig.conductor.active], [0, 5]);
    answer.resolve(BIG);
    await waitFor(() => rig.conductor.counts.delivered === 5);
    assert.deepEqual([asked, rig.conductor.active], [['mx:a.example'], 0]);
  });

  it('goes by its domain where nobody can tell the site', async () => {
    await using rig = await openRig({ work: delivered, askSite: () => Promise.reject(new Error('no worker')) });
    rig.conductor.take(routed([hop('a.example')]));
    await waitFor(() => rig.conductor.counts.delivered === 1);
    assert.equal(rig.lanes[0]?.hop.next, 'mx:a.example');
  });

  it('moves what waits in the index, too', async () => {
    const answer = Promise.withResolvers<SiteAnswer>();
    const rules = { window: 10 };
    await using rig = await openRig({ work: delivered, rules, askSite: () => answer.promise });
    for (let n = 0; n < 50; n += 1) rig.conductor.take(routed([hop('a.example')]));
    assert.equal(rig.index.size, 40);
    answer.resolve(BIG);
    await waitFor(() => rig.conductor.counts.delivered === 50);
    assert.deepEqual([rig.index.size, rig.conductor.active, rig.conductor.ledger.size], [0, 0, 0]);
  });

  it('has one trouble', async () => {
    const sick = { code: 421, status: '4.3.2', text: 'not now' };
    await using rig = await openRig({
      askSite: async () => BIG,
      work: (given) =>
        given.done([], {
          trouble: sick,
          outcomes: [{ state: 'deferred', recipients: given.job.to, at: Date.now(), until: Date.now() + 1e6 }],
        }),
    });
    for (let n = 0; n < 100; n += 1) rig.conductor.take(routed([hop(`d${n}.example`)]));
    await waitFor(() => rig.conductor.counts.troubles > 0 && rig.conductor.active === 0);
    assert.ok(rig.jobs.length <= 8, `${rig.jobs.length} jobs met it`);
    assert.deepEqual(
      [...rig.conductor.homes.bins.all()].map(({ key, troubles }) => [key, troubles > 0]),
      [['smtp site:mx.big.example', true]],
    );
  });

  it('does not wait for the trouble that its domain had alone', async () => {
    const answers: SiteAnswer[] = [{ ttl: 1 }, BIG];
    let asked = 0;
    const sick = { code: 451, status: '4.4.3', text: 'MX could not be looked up' };
    await using rig = await openRig({
      askSite: async () => answers[Math.min(asked++, 1)] ?? BIG,
      rules: { retry: { ...RULES.retry, times: [3_600_000] } },
      work(given) {
        if (given.lane.hop.next.startsWith('site:')) return delivered(given);
        const until = Date.now() + 1e6;
        given.done([{ state: 'deferred', recipients: given.job.to, at: Date.now(), until }], { trouble: sick });
      },
    });
    rig.conductor.take(routed([hop('late.example')]));
    await waitFor(() => rig.conductor.counts.troubles === 1);
    // It waits with its bin, which waits for an hour; five seconds later the site is asked for again.
    for (let n = 0; n < 3; n += 1) rig.conductor.take(routed([hop('late.example')]));
    await waitFor(() => {
      rig.conductor.take(routed([hop('late.example')]));
      return asked === 2;
    });
    await waitFor(() => rig.conductor.counts.delivered >= 3);
    const site = rig.conductor.homes.bins.find(hop('late.example'), rig.conductor.homes.tenants.of('default'));
    assert.deepEqual([site?.key, site?.troubles, site?.until], ['smtp site:mx.big.example', 0, 0]);
  });

  it('stays in the index when its site waits as a whole', async () => {
    const slow = Promise.withResolvers<SiteAnswer>();
    await using rig = await openRig({
      askSite: (next) => (next === 'mx:b.example' ? slow.promise : Promise.resolve(BIG)),
    });
    rig.conductor.take(routed([hop('a.example')]));
    await waitFor(() => rig.jobs.length === 1);
    const until = Date.now() + 1e6;
    const down = { code: 451, status: '4.4.1', text: 'no answer' };
    rig.jobs[0]?.done([{ state: 'deferred', recipients: rig.jobs[0].job.to, at: Date.now(), until }], {
      trouble: down,
    });
    await waitFor(() => rig.conductor.counts.troubles === 1);
    for (let n = 0; n < 20; n += 1) rig.conductor.take(routed([hop('b.example')]));
    assert.equal(rig.conductor.active, 20);
    slow.resolve(BIG);
    await waitFor(() => rig.conductor.active === 0);
    assert.equal(rig.index.size, 21);
  });

  it('goes to the bin of its new site when its domain moved while it waited', async () => {
    let site = 'mx.old.example';
    let works = false;
    const down = { code: 451, status: '4.4.1', text: 'no answer' };
    await using rig = await openRig({
      rules: { retry: { ...RULES.retry, times: [300] } },
      askSite: async () => ({ site, ttl: 1 }),
      work(given) {
        if (works || given.lane.hop.next === 'site:mx.new.example') return delivered(given);
        const until = Date.now() + 100;
        given.done([{ state: 'deferred', recipients: given.job.to, at: Date.now(), until }], { trouble: down });
      },
    });
    const { homes } = rig.conductor;
    for (let n = 0; n < 20; n += 1) rig.conductor.take(routed([hop('moving.example')]));
    await waitFor(() => rig.conductor.counts.troubles > 0);
    site = 'mx.new.example';
    // New mail has its site asked for again, as soon as the answer is old.
    await waitFor(() => {
      homes.sites.isAsked(hop('moving.example'));
      return homes.sites.siteHop(hop('moving.example')).next === 'site:mx.new.example';
    });
    await waitFor(() => rig.conductor.counts.delivered === 20);
    works = true;
  });

  it('can be claimed while its site is asked for, and given back', async () => {
    const answer = Promise.withResolvers<SiteAnswer>();
    await using rig = await openRig({ work: delivered, askSite: () => answer.promise });
    const message = routed([hop('a.example')]);
    rig.conductor.take(message);
    assert.deepEqual(rig.claims.claim([message.id]).ids, [message.id]);
    answer.resolve(BIG);
    await answer.promise;
    rig.claims.giveBack([message.id]);
    await waitFor(() => rig.conductor.counts.delivered === 1);
  });
});

describe('what is known of sites', () => {
  /** A clock that stands still until it is moved. */
  function open(
    ask: (next: string) => Promise<SiteAnswer>,
    patienceMs = 60_000,
  ): { readonly sites: Sites; readonly pass: (ms: number) => void; readonly known: Hop[] } {
    let now = 1000;
    const known: Hop[] = [];
    const clock = new SteadyClock({ monotonic: () => now, wall: () => now });
    const sites = new Sites({ clock, ask, patienceMs, onKnown: (of) => known.push(of) });
    return { sites, pass: (ms) => void (now += ms), known };
  }

  it('is not waited for when DNS is silent, and used when it comes', async () => {
    const answer = Promise.withResolvers<SiteAnswer>();
    const { sites, known } = open(() => answer.promise, 1);
    assert.equal(sites.isAsked(hop('a.example')), true);
    await waitFor(() => known.length === 1);
    assert.equal(sites.isAsked(hop('a.example')), false);
    answer.resolve(BIG);
    await waitFor(() => known.length === 2);
    assert.equal(sites.siteHop(hop('a.example')).next, 'site:mx.big.example');
  });

  it('is asked again in the background when it is old, and used meanwhile', async () => {
    const answers = [BIG, { site: 'mx.new.example', ttl: 60_000 }];
    let asked = 0;
    const { sites, pass, known } = open(async () => answers[Math.min(asked++, 1)] ?? BIG);
    assert.equal(sites.isAsked(hop('a.example')), true);
    await waitFor(() => known.length === 1);
    assert.equal(sites.isAsked(hop('a.example')), false);
    pass(59_000);
    assert.equal(sites.isAsked(hop('a.example')), false);
    assert.equal(asked, 1);
    pass(2000);
    assert.equal(sites.isAsked(hop('a.example')), false);
    assert.equal(sites.siteHop(hop('a.example')).next, 'site:mx.big.example');
    await waitFor(() => known.length === 2);
    assert.equal(sites.siteHop(hop('a.example')).next, 'site:mx.new.example');
  });

  it('stays when it cannot be asked again', async () => {
    let asked = 0;
    const { sites, pass, known } = open(async () => ((asked += 1) === 1 ? BIG : { ttl: 1000 }));
    sites.isAsked(hop('a.example'));
    await waitFor(() => known.length === 1);
    pass(61_000);
    sites.isAsked(hop('a.example'));
    await waitFor(() => asked === 2);
    assert.equal(sites.siteHop(hop('a.example')).next, 'site:mx.big.example');
  });

  it('has bounds: of many domains some hundred are asked for at a time, and all in the end', async () => {
    const open200: (() => void)[] = [];
    let most = 0;
    const { sites, known } = open(() => {
      const { promise, resolve } = Promise.withResolvers<SiteAnswer>();
      open200.push(() => resolve(BIG));
      most = Math.max(most, open200.length);
      return promise;
    });
    for (let n = 0; n < 1000; n += 1) sites.isAsked(hop(`d${n}.example`));
    assert.equal(open200.length, 200);
    while (known.length < 1000) {
      for (const answer of open200.splice(0)) answer();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(most, 200);
  });

  it('is nothing for next hops that DNS does not name', () => {
    const { sites } = open(() => assert.fail('nobody was to be asked'));
    for (const other of [
      { channel: 'smtp', next: '[192.0.2.1]:25' },
      { channel: 'lmtp', next: 'unix:/x' },
      { channel: 'maildir', next: 'example.org/anna' },
    ] satisfies Hop[]) {
      assert.equal(sites.isAsked(other), false);
      assert.equal(sites.siteHop(other), other);
    }
  });
});
