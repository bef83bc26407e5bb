/** What its sender wants to leave at a time of day, however far away. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { whereAre } from '../../../src/scheduler/where.ts';
import { workLeft } from '../../../src/scheduler/work-left.ts';
import { waitFor } from '../../support/wait.ts';
import { delivered, HOP, openRig, routed } from './support.ts';

const HOUR = 60 * 60_000;
const YEAR = 365 * 24 * HOUR;

function later(notBefore: number): ReturnType<typeof routed> {
  return routed([], { parts: [{ hop: HOP, to: ['a@x'], notBefore }] });
}

describe('a time of release', () => {
  it('is waited for, and not shortened to the longest wait of a retry', async () => {
    await using rig = await openRig({ work: delivered });
    const { conductor, index } = rig;
    const release = Date.now() + YEAR;
    const message = later(release);
    conductor.take(message);
    assert.equal(conductor.ledger.size, 0, 'it takes no memory');
    assert.ok((index.nextDue() ?? Infinity) <= conductor.clock.tickIn(HOUR), 'the clock is looked at meanwhile');
    assert.equal(whereAre([message.id], conductor)[0]?.until, release);
    for (const { part } of conductor.parking.takeOfMessage(message.id)) conductor.place(part, 0);
    assert.equal(index.size, 1, 'after that look it waits on');
    conductor.take(routed());
    await waitFor(() => conductor.counts.finished === 1);
    assert.equal(rig.jobs.length, 1, 'that of the other message');
    assert.equal(workLeft(rig, false).busy, false, 'and is nothing to do now');
  });

  it('is kept, and what is past holds nothing up', async () => {
    const given: number[] = [];
    await using rig = await openRig({ work: (job) => (given.push(Date.now()), delivered(job)) });
    const release = Date.now() + 300;
    rig.conductor.take(later(release));
    rig.conductor.take(later(Date.now() - YEAR));
    await waitFor(() => rig.conductor.counts.finished === 2);
    assert.ok((given[1] ?? 0) >= release);
  });
});
