/** A next hop that answers nobody, and what there is for it when the scheduler comes to know of that. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WaitingIndex, type WaitingRow } from '../../../src/queue/waiting-index.ts';
import { waitFor } from '../../support/wait.ts';
import { delivered, HOP, openRig, routed, RULES, type GivenJob } from './support.ts';

const trouble = { code: 451, status: '4.4.1', text: 'connection refused' };
const LONG = { ...RULES.retry, times: [1e6] };

function refuse(given: GivenJob): void {
  const { to, attempts } = given.job;
  const outcome = { state: 'deferred', recipients: to, at: Date.now(), attempts: attempts + 1 } as const;
  given.done([{ ...outcome, until: Date.now() + 1e6 }], { trouble });
}

class FullIndex extends WaitingIndex {
  full = true;

  constructor() {
    super(':memory:');
  }

  override add(row: WaitingRow): void {
    if (this.full) throw new Error('database or disk is full');
    super.add(row);
  }
}

const overdue = (): ReturnType<typeof routed> =>
  routed([], { parts: [{ hop: HOP, to: ['b@x'], attempts: 2, until: Date.now() - 1000 }] });

describe('a dead site', () => {
  it('is tried for a few of the messages that are overdue after a start, not for each', async () => {
    await using rig = await openRig({ rules: { retry: LONG }, work: refuse });
    for (let i = 0; i < 100; i += 1) {
      rig.conductor.take(overdue());
      // As they come from the injector: while others are tried.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await waitFor(() => rig.conductor.active === 0);
    assert.ok(rig.jobs.length <= 4, `${rig.jobs.length} attempts`);
    assert.equal(rig.index.size, 100);
  });

  it('is probed by one job, also when several lanes to it are open', async () => {
    let down = false;
    let held: GivenJob[] = [];
    await using rig = await openRig({
      rules: { retry: { ...RULES.retry, times: [200] }, lanes: { ...RULES.lanes, perBin: 4, depth: 2 } },
      work: (given) => (down ? refuse(given) : void held.push(given)),
    });
    for (let i = 0; i < 20; i += 1) rig.conductor.take(routed());
    await waitFor(() => rig.lanes.length === 4 && held.length === 8, { what: 'four lanes at work' });
    down = true;
    for (const given of held.splice(0)) refuse(given);
    held = [];
    await waitFor(() => rig.conductor.counts.troubles === 1 && rig.conductor.active === 0);
    const before = rig.jobs.length;
    await waitFor(() => rig.conductor.counts.troubles === 3);
    assert.equal(rig.jobs.length - before, 2, 'one for each time that it was due');
  });

  it('is tried at once for a message of which somebody says so', async () => {
    let down = true;
    await using rig = await openRig({
      rules: { retry: LONG },
      work: (given) => (down ? refuse(given) : delivered(given)),
    });
    rig.conductor.take(overdue());
    await waitFor(() => rig.conductor.counts.troubles === 1 && rig.conductor.active === 0);
    down = false;
    const waits = overdue();
    rig.conductor.take(waits);
    assert.equal(rig.conductor.active, 0);
    rig.conductor.take({ ...overdue(), probe: true });
    await waitFor(() => rig.conductor.counts.finished === 2);
    assert.ok(
      rig.jobs.some(({ job }) => job.handle === waits.handle),
      'that one too, as the site answers',
    );
  });

  it('lets nothing lie that could not be put into the index, when it is well again', async () => {
    const index = new FullIndex();
    let down = true;
    await using rig = await openRig({
      index,
      rules: { retry: { ...RULES.retry, times: [50] }, lanes: { ...RULES.lanes, depth: 1, perBin: 1 } },
      work: (given) => (down ? refuse(given) : delivered(given)),
    });
    for (let i = 0; i < 10; i += 1) rig.conductor.take(routed());
    await waitFor(() => rig.conductor.counts.troubles === 1);
    [down, index.full] = [false, false];
    await waitFor(() => rig.conductor.counts.finished === 9);
    assert.deepEqual([rig.conductor.active, rig.index.size], [0, 1], 'the one that was tried waits for its time');
  });
});

describe('what waits for room in the index', () => {
  it('is claimed like what is there: once, and to wait for its time when it is given back', async () => {
    const index = new FullIndex();
    await using rig = await openRig({ index, work: delivered });
    const { conductor } = rig;
    const message = routed([], { parts: [{ hop: HOP, to: ['b@x'], attempts: 1, until: Date.now() + 1e6 }] });
    conductor.take(message);
    const { claims } = rig;
    assert.deepEqual(claims.claim([message.id]).ids, [message.id]);
    assert.equal(conductor.active, 0);
    index.full = false;
    claims.giveBack([message.id]);
    assert.deepEqual([index.size, conductor.active, rig.jobs.length], [1, 0, 0]);
    assert.ok((index.nextDue() ?? 0) > conductor.clock.tickIn(1e5), 'it waits');
    assert.deepEqual(Object.keys(JSON.parse(index.rowsOfId(message.id)[0]?.data ?? '').p).toSorted(), [
      'attempts',
      'blame',
      'hop',
      'to',
      'warned',
    ]);
  });
});
