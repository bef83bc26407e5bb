/** A recorded run with everything that examining it needs. */
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeTemp } from '../../support/temp.ts';
import { fittingEvents } from './build-model.ts';
import type { Evidence } from './checker.ts';
import { examine, type Examination, type Examined } from './examine.ts';
import { finalOutcomes } from './promises.ts';
import { readRecord, type CallEvent } from './record.ts';
import { runScenario, SPLIT, type Run, type ScenarioOptions } from './scenario.ts';

/** Where states are put: a file system in memory when there is one. */
const STATES = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export interface RecordedRun extends AsyncDisposable {
  readonly run: Run;
  readonly events: readonly CallEvent[];
  readonly evidence: Evidence;
  /** Examines it, or what `events` makes of it. */
  readonly examine: (options: Partial<Examination> & Pick<Examination, 'random'>) => Promise<Examined>;
}

export async function recordRun(options: ScenarioOptions): Promise<RecordedRun> {
  const run = await runScenario(options);
  const events = fittingEvents(readRecord(run.record), run.folders.var);
  const { ledger } = run;
  return {
    run,
    events,
    evidence: { ledger, final: finalOutcomes(events) },
    async examine(more) {
      const folder = mkdtempSync(join(STATES, 'mailfarm-states-'));
      try {
        return await examine({ events, ledger, folder, split: SPLIT, ...more });
      } finally {
        removeTemp(folder);
      }
    },
    [Symbol.asyncDispose]() {
      removeTemp(run.folders.root);
      return Promise.resolve();
    },
  };
}

/** One line for the report of a test. */
export function summary({ run, events }: RecordedRun): string {
  const { sent, operations, quarantined, taken } = run.ledger;
  const count = (fits: (event: CallEvent) => boolean): number => events.filter(fits).length;
  return (
    `${sent.filter(({ queueId }) => queueId !== undefined).length} accepted, ${sent.filter(({ refused }) => refused).length} refused, ` +
    `${sent.filter(({ answered }) => answered === undefined).length} without an answer, ${quarantined.size} quarantined, ` +
    `${taken.size} taken by the next hop, ${operations.length} verbs; ${events.length} calls, ${count(({ op }) => op === 'sync')} syncs, ` +
    `${count(({ unended }) => unended === true)} cut off by a kill`
  );
}
