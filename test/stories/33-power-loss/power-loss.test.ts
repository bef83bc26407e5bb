/**
 * The machine loses its power while a farm works: what was answered with 250 is there afterwards, or was delivered. The short form
 * of test/stress/power-loss, whose README.md says how it is done.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startRandom } from '../../support/random.ts';
import { crashAt, makePolicies } from '../../stress/power-loss/crash-states.ts';
import { DiskModel } from '../../stress/power-loss/disk-model.ts';
import { PLANTS } from '../../stress/power-loss/plants.ts';
import { recordRun, summary } from '../../stress/power-loss/recorded-run.ts';
import { recoverWithFarm } from '../../stress/power-loss/whole-farm.ts';

/** Messages of each half of the run; every kind of message comes several times. */
const MESSAGES = 48;
const SHARE = 0.08;
/**
 * Of the planted mistakes, those that show in every run. The next needs outcomes to go while nobody else syncs the journal's folder:
 * in a run of this length it may not happen.
 */
const PLANTED = 4;

describe('a power loss', () => {
  it('loses nothing and brings nothing back, and the planted mistakes are found', async () => {
    const random = startRandom();
    await using recorded = await recordRun({ messages: MESSAGES });
    console.log(summary(recorded));
    const { states, findings } = await recorded.examine({ random, share: SHARE });
    console.log(`${states} states recovered`);
    assert.deepEqual(findings, []);
    for (const { name, plant } of PLANTS.slice(0, PLANTED)) {
      const planted = await recorded.examine({
        random,
        events: plant(recorded.events),
        most: 1,
        allPolicies: true,
        shuffled: true,
      });
      console.log(`${name}: found in state ${planted.states}: ${JSON.stringify(planted.findings[0])}`);
      assert.ok(planted.findings.length > 0, `${name} was not found`);
    }
    const model = new DiskModel(recorded.events);
    const at = model.instants[Math.floor(random() * model.instants.length)] ?? 0;
    const policy = makePolicies(random)[7]?.() ?? assert.fail();
    assert.deepEqual(await recoverWithFarm(crashAt(model, at, policy), recorded, at), []);
  });
});
