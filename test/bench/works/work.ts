/** What the works of the comparison share: where they run, and what they give. */
import { monotonicMs } from '../clock.ts';
import type { LoadPlan, LoadReport } from '../generator.ts';
import type { RunningPeer } from '../peers/peer.ts';
import { cpuBetween, sampleTree } from '../process-tree.ts';
import type { Figures, Scenario } from '../scenarios.ts';
import type { Sink, SinkCount } from '../sink-process.ts';
import { untilQuiet } from '../watch.ts';

export interface Stage {
  readonly peer: RunningPeer;
  readonly sink: Sink;
  readonly scenario: Scenario;
  readonly messages: number;
  /** For one run. */
  readonly deadlineMs: number;
  readonly send: (plan: LoadPlan) => Promise<LoadReport>;
}

export interface Outcome {
  readonly figures: Figures;
  /** What must not be; a run with such counts for nothing. */
  readonly problems: readonly string[];
  /** Of the peer, by process name, milliseconds. */
  readonly cpuMs?: Readonly<Record<string, number>>;
  readonly generatorCpuMs?: number;
  readonly sinkCpuMs?: number;
}

/** CPU of the peer from a quiet state to the next one, so that what it does afterwards is part of it. */
export async function aroundCpu<T>(
  pid: number,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly cpuMs: Record<string, number> }> {
  await untilQuiet(pid);
  const before = sampleTree(pid);
  const result = await work();
  await untilQuiet(pid);
  return { result, cpuMs: cpuBetween(before, sampleTree(pid)) };
}

export function lostAndTwice(expected: number, { messages, distinct }: SinkCount): string[] {
  return [
    ...(distinct < expected
      ? [`${expected - distinct} of ${expected} accepted messages did not reach the sink in time`]
      : []),
    ...(messages > distinct ? [`${messages - distinct} messages reached the sink more than once`] : []),
  ];
}

export function deadlineOf({ deadlineMs }: Stage): number {
  return monotonicMs() + deadlineMs;
}
