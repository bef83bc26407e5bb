/**
 * When to try again: the retry table with a little chance in it, so that mail deferred together does not come back together.
 *
 * Whether there is a next time at all (expiry) is the scheduler's to decide.
 */

/** Share of the wait by which it may be longer or shorter. */
const JITTER = 0.1;
/** Used when the table is empty, in ms. */
const FALLBACK_MS = 15 * 60_000;

/**
 * Milliseconds until the next attempt. `attempts` counts those made, this one included; beyond the end of the
 * table its last entry repeats. `random` is 0 to below 1.
 */
export function retryWait(times: readonly number[], attempts: number, random = Math.random()): number {
  const index = Math.min(Math.max(attempts, 1), times.length) - 1;
  const wait = times[index] ?? FALLBACK_MS;
  return Math.round(wait * (1 - JITTER + 2 * JITTER * random));
}
