/** Crashes a recorded run at many instants, recovers from each state, and gathers what is wrong. */
import type { CallEvent, Time } from './record.ts';
import { crashAt, makePolicies } from './crash-states.ts';
import { DiskModel } from './disk-model.ts';
import { judge, type Violation } from './checker.ts';
import { finalOutcomes, type Ledger } from './promises.ts';
import { StateFolder } from './put-on-disk.ts';
import { Recovery, type Recovered } from './recover.ts';

export interface Examination {
  readonly events: readonly CallEvent[];
  readonly ledger: Ledger;
  /** An empty folder to put states into; on a file system in memory it goes faster. */
  readonly folder: string;
  readonly split: number;
  readonly random: () => number;
  /** Share of the instants that are looked at, each with all policies or with one in turn. */
  readonly share?: number;
  readonly allPolicies?: boolean;
  /** Stops after so many violations. */
  readonly most?: number;
  /** In any order: what shows at many instants is found sooner. */
  readonly shuffled?: boolean;
}

export interface Finding extends Violation {
  readonly at: Time;
  readonly policy: string;
}

export interface Examined {
  readonly states: number;
  readonly findings: readonly Finding[];
}

export async function examine(options: Examination): Promise<Examined> {
  const { ledger, random, share = 1, allPolicies = false, most = 20 } = options;
  const model = new DiskModel(options.events);
  const evidence = { ledger, final: finalOutcomes(options.events) };
  const folder = new StateFolder(options.folder);
  await using recovery = new Recovery(options.split);
  const policies = makePolicies(random);
  const findings: Finding[] = [];
  let states = 0;
  const instants = options.shuffled === true ? shuffle(model.instants, random) : model.instants;
  for (const [n, at] of instants.entries()) {
    if (random() >= share) continue;
    const chosen = allPolicies ? policies : policies.slice(n % policies.length).slice(0, 1);
    for (const makePolicy of chosen) {
      const policy = makePolicy();
      folder.put(crashAt(model, at, policy));
      states += 1;
      // That a recovery changes nothing for the next one is looked at less often.
      const found = await recover(recovery, folder.folder, states % 5 === 1);
      const violations =
        typeof found === 'string' ? [{ rule: 'crash' as const, what: found }] : judge(evidence, found, at);
      for (const violation of violations) findings.push({ ...violation, at, policy: policy.name });
      if (findings.length >= most) return { states, findings };
    }
  }
  return { states, findings };
}

function shuffle(instants: readonly Time[], random: () => number): Time[] {
  const keyed = instants.map((at) => ({ at, key: random() }));
  return keyed.toSorted((a, b) => a.key - b.key).map(({ at }) => at);
}

/** What was found, or what went wrong with the recovery itself. */
async function recover(recovery: Recovery, folder: string, twice: boolean): Promise<Recovered | string> {
  try {
    const first = await recovery.run(folder);
    if (!twice) return first;
    const second = await recovery.run(folder);
    const [before, after] = [summary(first), summary(second)];
    const differs = [
      ...before.filter((line) => !after.includes(line)),
      ...after.filter((line) => !before.includes(line)),
    ];
    return differs.length === 0 ? second : `the second recovery differs: ${differs.slice(0, 3).join(' | ')}`;
  } catch (error) {
    return `recovery failed: ${error instanceof Error ? error.stack : String(error)}`;
  }
}

function summary({ queue, deleted, handedOn }: Recovered): string[] {
  const lines = [...queue].map(([id, { message }]) => `${id} ${JSON.stringify(message.recipients)}`);
  return [...lines, ...[...deleted.keys()].map((id) => `deleted ${id}`), ...[...handedOn].map((id) => `to ${id}`)];
}
