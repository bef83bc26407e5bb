/** Lanes come with success and go with trouble. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Width } from '../../../src/scheduler/width.ts';
import { waitFor } from '../../support/wait.ts';
import { delivered, HOP, openRig, routed, RULES, type GivenJob } from './support.ts';

const rules = { start: 4, perBin: 8 };

describe('the width of a bin', () => {
  it('grows by one for every ten deliveries of each lane, up to the most', () => {
    const width = new Width(rules);
    const seen = new Set<number>();
    let deliveries = 0;
    while (width.lanes(rules) < 8) {
      width.well(0, rules);
      deliveries += 1;
      seen.add(width.lanes(rules));
    }
    assert.deepEqual([[...seen], deliveries], [[4, 5, 6, 7, 8], 10 * (4 + 5 + 6 + 7)]);
    for (let n = 0; n < 1000; n += 1) width.well(0, rules);
    assert.equal(width.lanes(rules), 8);
  });

  it('is halved by the trouble of one lane, as long as others deliver', () => {
    const width = new Width({ start: 8, perBin: 8 });
    width.well(1000, rules);
    assert.deepEqual([width.narrow(2000), width.lanes(rules)], [true, 4]);
    assert.deepEqual([width.narrow(3000), width.lanes(rules)], [true, 2]);
    assert.deepEqual([width.narrow(3000), width.lanes(rules)], [true, 1]);
    assert.equal(width.narrow(3000), false, 'the last lane: the next hop is down');
  });

  it('says that the next hop is down when nothing was delivered, or not of late', () => {
    assert.equal(new Width(rules).narrow(0), false);
    const width = new Width(rules);
    width.well(0, rules);
    assert.equal(width.narrow(60_000), false);
  });

  it('follows a new configuration down', () => {
    assert.equal(new Width({ start: 8, perBin: 8 }).lanes({ start: 8, perBin: 3 }), 3);
    assert.equal(new Width({ start: 8, perBin: 3 }).lanes(rules), 3);
  });
});

describe('a next hop that takes two connections', () => {
  const BUSY = { code: 421, status: '4.7.0', text: 'too many connections from you' };
  const refuse = (given: GivenJob): void =>
    given.done(
      [{ state: 'deferred', recipients: given.job.to, at: Date.now(), attempts: 1, until: Date.now() + 100 }],
      {
        trouble: BUSY,
      },
    );

  it('gets all its mail over those it takes, and is never taken for dead', async () => {
    const lanes = { ...RULES.lanes, start: 4, perBin: 8, perChannel: { ...RULES.lanes.perChannel, smtp: 8 } };
    const taken = new Set<string>();
    await using rig = await openRig({
      rules: { lanes },
      work(given) {
        const { lane } = given.lane;
        if (taken.size < 2) taken.add(lane);
        given.peer.onClose = () => taken.delete(lane);
        if (taken.has(lane)) setImmediate(() => delivered(given));
        else setImmediate(() => refuse(given));
      },
    });
    for (let n = 0; n < 200; n += 1) rig.conductor.take(routed());
    await waitFor(() => rig.conductor.counts.delivered === 200);
    assert.equal(rig.conductor.counts.troubles, 0);
    const bin = rig.conductor.homes.bins.find(HOP, rig.conductor.homes.tenants.of('default'));
    assert.ok((bin?.lanes.size ?? 0) <= 4, `${bin?.lanes.size} lanes`);
    assert.ok(rig.jobs.length < 260, `${rig.jobs.length} jobs for 200 messages`);
  });
});
