/**
 * Stops the farms in order: those that take mail in first, the log last, each rank when the one before is gone. What is
 * not gone at the deadline, or at the second signal, gets SIGKILL: the queue is the same either way.
 */
import type { Farm } from './farm.ts';
import type { Supervisor } from './supervisor.ts';

/** On top of the longest drain of a farm. */
const SLACK_MS = 10_000;

/** Resolves when no worker is left. */
export async function stopInOrder(supervisor: Supervisor): Promise<void> {
  supervisor.beginStop();
  const farms = [...supervisor.farms.values()];
  const longest = Math.max(0, ...farms.map((farm) => farm.bounds.drain));
  const last = Date.now() + longest + SLACK_MS;
  const timer = setTimeout(() => killAll(supervisor, 'stop took too long'), last - Date.now());
  const ranks = [...new Set(farms.map((farm) => farm.traits.stopRank))].toSorted((a, b) => a - b);
  for (const [index, rank] of ranks.entries()) {
    const closing = farms.filter((farm) => farm.traits.stopRank === rank).map((farm) => closeFarm(farm, last));
    if (index === 0) closing.push(supervisor.injections.close(Math.min(last, Date.now() + SLACK_MS)));
    await Promise.all(closing);
  }
  clearTimeout(timer);
}

export function killAll(supervisor: Supervisor, why: string): void {
  supervisor.beginStop();
  for (const farm of supervisor.farms.values()) farm.kill(why);
  supervisor.injections.kill(why);
}

function closeFarm(farm: Farm, last: number): Promise<void> {
  return farm.close(Math.min(last, Date.now() + farm.bounds.drain));
}
