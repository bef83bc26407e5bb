/** Recovers from a state as an operator would: starts a farm on it and waits until all is done. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AS_OURSELVES, makeFolders, startFarm } from '../../support/farm.ts';
import { removeTemp } from '../../support/temp.ts';
import { judge, type Evidence, type Violation } from './checker.ts';
import type { DiskState } from './crash-states.ts';
import type { Time } from './record.ts';
import { StateFolder } from './put-on-disk.ts';
import type { RecordedRun } from './recorded-run.ts';
import { Recovery } from './recover.ts';
import { farmOptions, SPLIT, startNextHop } from './scenario.ts';

/** What is wrong after everything that the farm found was brought to its end. */
export async function recoverWithFarm(state: DiskState, recorded: RecordedRun, at: Time): Promise<Violation[]> {
  const { evidence } = recorded;
  const folders = makeFolders();
  new StateFolder(folders.var).put(state);
  // The scratch index of what waits is worth nothing after a crash.
  if (state.has('queue')) writeFileSync(join(folders.var, 'queue', 'index.db'), 'garbage');
  const taken = new Map<string, Time>();
  const hop = await startNextHop({ taken }, recorded.run.ports);
  try {
    await hop.open();
    hop.wake();
    // The files are ours, some with two names: those are given to nobody else.
    const { set = [], ...options } = farmOptions(hop.ports);
    const farm = await startFarm({ folders, ...options, set: [...set, ...AS_OURSELVES] });
    try {
      await farm.queueCli(['release', '--all']);
      await farm.drained();
      await farm.stop();
    } finally {
      await farm[Symbol.asyncDispose]();
    }
    hop.noteTaken();
    await using recovery = new Recovery(SPLIT);
    const recovered = await recovery.run(folders.var);
    const { ledger } = evidence;
    const before = [...ledger.taken].filter(([, time]) => time <= at);
    const all = new Map<string, Time>([...before, ...[...taken.keys()].map((key): [string, Time] => [key, at])]);
    return [
      ...judge({ ...evidence, ledger: { ...ledger, taken: all } }, recovered, at),
      ...takenAgain(evidence, taken, at),
    ];
  } finally {
    await hop.close();
    removeTemp(folders.root);
  }
}

/** Only what had no durable outcome may be delivered once more. */
function takenAgain({ ledger, final }: Evidence, taken: ReadonlyMap<string, Time>, at: Time): Violation[] {
  return ledger.sent.flatMap((sent) =>
    [...sent.to, ...sent.to.flatMap((address) => ledger.aliases.get(address) ?? [])]
      .filter(
        (address) => taken.has(`${sent.id} ${address}`) && (final.get(`${sent.queueId} ${address}`) ?? Infinity) <= at,
      )
      .map((address) => ({ rule: 'again' as const, what: `${sent.id} ${address} was delivered again` })),
  );
}
