/** Workers that end while the conductor has work for them: in order, or over a message. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { waitFor } from '../../support/wait.ts';
import { delivered, openRig, routed, RULES, type GivenJob } from './support.ts';

const ONE_LANE = { ...RULES.lanes, perBin: 1 };

describe('a worker that ends in order', () => {
  it('is not given again what it refused: another lane gets that, when the worker finished the rest', async () => {
    const ending: GivenJob[] = [];
    await using rig = await openRig({
      rules: { lanes: ONE_LANE },
      work(given) {
        if (given.peer === (ending[0] ?? given).peer) ending.push(given);
        else delivered(given);
      },
    });
    for (const message of [routed(), routed()]) rig.conductor.take(message);
    await waitFor(() => ending.length === 2);
    const [atWork, waiting] = ending;
    waiting?.peer.send({ t: 'refused', n: waiting.job.n, why: 'this worker ends' });
    await waitFor(() => rig.conductor.counts.redone === 1);
    delivered(atWork!);
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.equal(ending.length, 2, 'nothing more for the one that ends');
    atWork?.peer.close();
    await waitFor(() => rig.conductor.counts.finished === 2);
  });

  it('takes no part in whether its bin has lanes enough', async () => {
    const ending: GivenJob[] = [];
    await using rig = await openRig({
      work(given) {
        if (ending.length === 0 || given.peer === ending[0]?.peer) ending.push(given);
        else delivered(given);
      },
    });
    rig.conductor.take(routed());
    await waitFor(() => ending.length === 1);
    ending[0]?.peer.send({ t: 'leaving' });
    const [lane] = rig.conductor.dispatcher.lanes;
    await waitFor(() => lane?.leaving);
    rig.conductor.take(routed());
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.equal(ending.length, 1);
    delivered(ending[0]!);
    await waitFor(() => rig.conductor.counts.finished === 2);
  });
});
