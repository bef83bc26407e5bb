/** Watching a tree of processes: until it is quiet, and how much memory it has at most. */
import { monotonicMs, pause } from './clock.ts';
import { cpuBetween, sampleMemory, sampleTree, sum, type MemorySample } from './process-tree.ts';

const MEMORY_EVERY_MS = 1000;
const QUIET_EVERY_MS = 500;
const QUIET_CPU_MS = 10;
const QUIET_MS = 15_000;

/** Waits until it uses next to no CPU, at most QUIET_MS. */
export async function untilQuiet(pid: number): Promise<void> {
  const until = monotonicMs() + QUIET_MS;
  for (let last = sampleTree(pid); monotonicMs() < until;) {
    await pause(QUIET_EVERY_MS);
    const now = sampleTree(pid);
    if (sum(cpuBetween(last, now)) <= QUIET_CPU_MS) return;
    last = now;
  }
}

/** Samples memory now and then until it is told to stop, which takes the last sample. */
export function watchMemory(pid: number): { stop(): MemorySample } {
  let largest: MemorySample = {};
  const look = (): void => {
    const memory = sampleMemory(pid);
    if (sum(memory) > sum(largest)) largest = memory;
  };
  const timer = setInterval(look, MEMORY_EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      look();
      return largest;
    },
  };
}

export function perSecond(count: number, ms: number): number {
  return ms > 0 ? (count * 1000) / ms : 0;
}
