/**
 * A farm, a sink and load: starts them, runs the load some times over, and measures.
 *
 * One farm serves the warm-up and all runs, as a farm in operation would. The CPU of a run reaches from before its first
 * message until the farm is quiet again: what it does after the last delivery (outcomes, segments, log) is part of it.
 */
import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startFarm, type Farm, type FarmOptions } from '../support/farm.ts';
import { Child } from './child.ts';
import { monotonicMs, pause } from './clock.ts';
import type { LoadPlan, LoadReport } from './generator.ts';
import { makeFolders, removeFolders } from './folders.ts';
import { cpuBetween, sampleMemory, sampleTree, sum, type MemorySample } from './process-tree.ts';
import type { SinkOrder, SinkReport } from './sink.ts';

export interface BenchPlan {
  /** Bytes of a message. */
  readonly size: number;
  readonly sessions: number;
  /** Of one run. */
  readonly messages: number;
  readonly runs: number;
  /** Messages before the first run; 0: none. */
  readonly warmUp: number;
  /** Seconds for which the idle farm is watched; 0: it is not. */
  readonly idleSeconds: number;
  /** The listener's mail passes the shipped filter. */
  readonly filters: boolean;
  /** A run that takes longer is ended and told as failed. */
  readonly runSeconds: number;
  /** More settings of the farm, each a `--set`. */
  readonly set: readonly string[];
  /** Where the farm's folders are made; default: the first usual place on a disk. */
  readonly folder?: string;
  /** Folder for a CPU profile of each process of the farm; profiling costs some itself. */
  readonly profile?: string;
}

export interface IdleFigures {
  readonly seconds: number;
  readonly cpuMs: number;
  readonly memory: MemorySample;
}

export interface RunFigures {
  /** Messages that were answered with 250. */
  readonly accepted: number;
  /** Messages at the sink, and how many of them are different ones. */
  readonly delivered: number;
  readonly distinct: number;
  readonly failures: readonly string[];
  readonly acceptedPerSecond: number;
  readonly deliveredPerSecond: number;
  /** Of the farm, by role, in milliseconds. */
  readonly cpuMs: Readonly<Record<string, number>>;
  readonly generatorCpuMs: number;
  readonly sinkCpuMs: number;
  /** The sample with the largest sum. */
  readonly memory: MemorySample;
}

export interface BenchFigures {
  readonly idle: IdleFigures | undefined;
  readonly runs: readonly RunFigures[];
  /** Where the farm's files were. */
  readonly folder: string;
}

type Count = Extract<SinkReport, { report: 'counted' }>;

interface Stage {
  readonly farm: Farm;
  readonly sink: Child;
  readonly plan: BenchPlan;
}

const FORGET: SinkOrder = { order: 'forget' };
const COUNT: SinkOrder = { order: 'count' };
const START_MS = 60_000;
const ANSWER_MS = 10_000;
const COUNT_EVERY_MS = 100;
const MEMORY_EVERY_MS = 1000;
const QUIET_EVERY_MS = 500;
const QUIET_CPU_MS = 10;
const QUIET_MS = 15_000;

/** Runs it all. Whatever happens, nothing is left: no process and no folder. Rejects when farm or sink do not start. */
export async function runBench(plan: BenchPlan, say: (line: string) => void): Promise<BenchFigures> {
  const folders = makeFolders(plan.folder);
  if (plan.profile !== undefined) prepareProfiles(plan.profile);
  try {
    using sink = new Child('sink.ts');
    const { port } = (await sink.ask(undefined, START_MS)) as Extract<SinkReport, { report: 'listening' }>;
    const options = { folders, set: settings(plan, port) };
    // The first start on a var compiles; every later one finds the code in Node's compile cache, and is smaller for it.
    if (plan.warmUp > 0) await startOnce(options);
    await using farm = await startFarm({ ...options, env: environment(plan) });
    return await measure({ farm, sink, plan }, folders.root, say);
  } finally {
    removeFolders(folders);
  }
}

async function startOnce(options: FarmOptions): Promise<void> {
  await using farm = await startFarm(options);
  await farm.stop();
}

async function measure(stage: Stage, folder: string, say: (line: string) => void): Promise<BenchFigures> {
  const { plan, farm } = stage;
  await untilQuiet(farm.pid);
  say(`idle for ${plan.idleSeconds} s`);
  const idle = plan.idleSeconds > 0 ? await measureIdle(farm.pid, plan.idleSeconds) : undefined;
  if (plan.warmUp > 0) {
    say(`warm-up: ${plan.warmUp} messages`);
    await measureRun(stage, plan.warmUp);
  }
  const runs: RunFigures[] = [];
  while (runs.length < plan.runs) {
    say(`run ${runs.length + 1} of ${plan.runs}: ${plan.messages} messages`);
    runs.push(await measureRun(stage, plan.messages));
  }
  return { idle, runs, folder };
}

async function measureIdle(pid: number, seconds: number): Promise<IdleFigures> {
  const memory = sampleMemory(pid);
  const before = sampleTree(pid);
  await pause(seconds * 1000);
  return { seconds, cpuMs: sum(cpuBetween(before, sampleTree(pid))), memory };
}

async function measureRun({ farm, sink, plan }: Stage, messages: number): Promise<RunFigures> {
  const deadlineMs = plan.runSeconds * 1000;
  const until = monotonicMs() + deadlineMs;
  const peak = watchMemory(farm.pid);
  const idleSink = await countOf(sink);
  await sink.tell(FORGET);
  const before = sampleTree(farm.pid);
  const load = await generate({ port: farm.port, sessions: plan.sessions, messages, size: plan.size, deadlineMs });
  await untilArrived(sink, load.accepted, until);
  const memory = peak.stop();
  await untilQuiet(farm.pid);
  const cpuMs = cpuBetween(before, sampleTree(farm.pid));
  const count = await countOf(sink);
  const { accepted, startedAt, failures } = load;
  return {
    accepted,
    delivered: count.messages,
    distinct: count.distinct,
    failures,
    acceptedPerSecond: perSecond(accepted, load.lastAt - startedAt),
    deliveredPerSecond: perSecond(count.messages, count.lastAt - startedAt),
    cpuMs,
    generatorCpuMs: load.cpuMs,
    sinkCpuMs: count.cpuMs - idleSink.cpuMs,
    memory,
  };
}

async function generate(plan: LoadPlan): Promise<LoadReport> {
  using generator = new Child('generator.ts');
  return (await generator.ask(plan, plan.deadlineMs + ANSWER_MS)) as LoadReport;
}

/** Waits until the sink has so many, or it is late. It notes the time itself: asking now and then is precise enough. */
async function untilArrived(sink: Child, messages: number, until: number): Promise<void> {
  while (monotonicMs() < until && (await countOf(sink)).messages < messages) await pause(COUNT_EVERY_MS);
}

async function countOf(sink: Child): Promise<Count> {
  return (await sink.ask(COUNT, ANSWER_MS)) as Count;
}

/** Waits until the farm uses next to no CPU, at most QUIET_MS. */
async function untilQuiet(pid: number): Promise<void> {
  const until = monotonicMs() + QUIET_MS;
  for (let last = sampleTree(pid); monotonicMs() < until;) {
    await pause(QUIET_EVERY_MS);
    const now = sampleTree(pid);
    if (sum(cpuBetween(last, now)) <= QUIET_CPU_MS) return;
    last = now;
  }
}

/** Samples memory now and then until it is told to stop, which takes the last sample. */
function watchMemory(pid: number): { stop(): MemorySample } {
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

function perSecond(count: number, ms: number): number {
  return ms > 0 ? (count * 1000) / ms : 0;
}

function settings(plan: BenchPlan, port: number): string[] {
  return [
    'listen.0.role=submission',
    `listen.0.filters=${plan.filters ? '["structure"]' : '[]'}`,
    `routes=[{match: "*", via: "smtp:[127.0.0.1]:${port}"}]`,
    ...plan.set,
  ];
}

/** Empty, and open to the user whom a farm of root runs its workers as. */
function prepareProfiles(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (name.endsWith('.cpuprofile')) rmSync(join(folder, name));
  chmodSync(folder, 0o1777);
}

/** Node's own profiler, switched on from outside: nothing of the farm knows of it. */
function environment({ profile }: BenchPlan): Record<string, string> {
  return profile === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` };
}
