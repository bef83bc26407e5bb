/**
 * Waits until the farm is done with a drill's mail: all that was accepted arrived, and nothing of the run is in the queue.
 *
 * Only the files tell what is queued, so they are walked; the longer a walk takes, the longer until the next.
 */
import type { DrillLedger } from './ledger.ts';
import { rest } from './rest.ts';

export interface SettleOptions {
  readonly ledger: DrillLedger;
  /** Queue ids of the run's messages that are in the queue. */
  readonly findQueued: () => Promise<ReadonlySet<string>>;
  readonly waitMs: number;
}

const LOOK_EVERY_MS = 200;
const WALK_EVERY_MS = 1000;
/** A walk takes a tenth of the time at most. */
const WALK_SHARE = 10;
/** So many walks in a row find nothing of what is missing before it is lost. */
const SURE = 3;

/** Resolves with what is in the queue at the end, at the latest after `waitMs` and one walk. */
export async function settle({ ledger, findQueued, waitMs }: SettleOptions): Promise<ReadonlySet<string>> {
  const until = performance.now() + waitMs;
  let walkAt = performance.now();
  for (let absent = 0; ; await rest(LOOK_EVERY_MS)) {
    const began = performance.now();
    if (began < walkAt && began < until) continue;
    const queued = await findQueued();
    const ended = performance.now();
    walkAt = ended + Math.max(WALK_EVERY_MS, (ended - began) * WALK_SHARE);
    absent = queued.size === 0 ? absent + 1 : 0;
    const complete = queued.size === 0 && ledger.missing().length === 0;
    if (complete || absent >= SURE || ended >= until) return queued;
  }
}
