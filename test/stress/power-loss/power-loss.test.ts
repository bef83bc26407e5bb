/**
 * A farm is recorded call by call; then the machine loses its power at any instant of the run, in many ways at each, and what the
 * disk may hold then is recovered. README.md says how. The short form is test/stories/33-power-loss.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startRandom } from '../../support/random.ts';
import { makeTemp } from '../../support/temp.ts';
import { NO_STRACE } from '../../stories/support/strace.ts';
import { crashAt, makePolicies } from './crash-states.ts';
import { DiskModel } from './disk-model.ts';
import { PLANTS } from './plants.ts';
import { recordRun, summary, type RecordedRun } from './recorded-run.ts';
import { missedCalls, straceCommand } from './strace-check.ts';
import { recoverWithFarm } from './whole-farm.ts';

const MESSAGES = Number(process.env['MAILFARM_STRESS_POWER'] ?? 100);
/** Share of the instants that are looked at, each in every way. */
const SHARE = Number(process.env['MAILFARM_STRESS_POWER_SHARE'] ?? 0.1);
const FARMS = 10;
/** A kill that leaves a name in the tree without its sync, so that the injector meets what a power loss would take away. */
const DIE = String.raw`^link queue/tmp/\S+\.smtp-\S+\.move-\d+ `;

async function findPlanted(recorded: RecordedRun, random: () => number): Promise<void> {
  for (const { name, plant } of PLANTS) {
    const events = plant(recorded.events);
    const planted = await recorded.examine({ random, events, allPolicies: true, shuffled: true, most: 1 });
    console.log(`${name}: found in state ${planted.states}: ${JSON.stringify(planted.findings[0])}`);
    assert.ok(planted.findings.length > 0, `${name} was not found`);
  }
}

async function startFarms(recorded: RecordedRun, random: () => number): Promise<void> {
  const { instants } = new DiskModel(recorded.events);
  const policies = makePolicies(random);
  for (let n = 0; n < FARMS; n += 1) {
    const at = instants[Math.floor(random() * instants.length)] ?? 0;
    const policy = policies[n % policies.length]?.() ?? assert.fail();
    const state = crashAt(new DiskModel(recorded.events), at, policy);
    assert.deepEqual(await recoverWithFarm(state, recorded, at), [], `a farm on a state at ${at}, ${policy.name}`);
  }
}

describe('a power loss', () => {
  it('loses nothing and brings nothing back, and every planted mistake is found', async () => {
    const random = startRandom();
    await using recorded = await recordRun({ messages: MESSAGES, die: DIE });
    console.log(summary(recorded));
    const { states, findings } = await recorded.examine({ random, share: SHARE, allPolicies: true });
    console.log(`${states} states recovered, ${findings.length} findings`);
    assert.deepEqual(findings, []);
    await findPlanted(recorded, random);
    await startFarms(recorded, random);
  });

  it('is noticed when a step was left out in the run itself', async () => {
    const random = startRandom();
    await using recorded = await recordRun({ messages: 48, skip: '^sync queue/journal$' });
    const { states, findings } = await recorded.examine({ random, allPolicies: true, shuffled: true, most: 1 });
    console.log(`found in state ${states}: ${JSON.stringify(findings[0])}`);
    assert.equal(findings[0]?.rule, 'lost');
  });

  it('is judged by a record that has every call which strace saw', { skip: NO_STRACE }, async () => {
    const file = join(makeTemp('strace'), 'calls');
    await using recorded = await recordRun({ messages: 48, wrap: straceCommand(file) });
    assert.deepEqual(missedCalls(file, recorded.events, recorded.run.folders.var), []);
  });
});
