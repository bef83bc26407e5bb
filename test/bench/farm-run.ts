/**
 * A farm, a sink and load: starts them, runs the load some times over, and measures.
 *
 * One farm serves the warm-up and all runs, as a farm in operation would. The CPU of a run reaches from before its first
 * message until the farm is quiet again: what it does after the last delivery (outcomes, segments, log) is part of it.
 */
import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startFarm, type Farm, type FarmOptions, type Folders } from '../support/farm.ts';
import { monotonicMs, pause } from './clock.ts';
import { generate } from './generate.ts';
import { makeFolders, removeFolders } from './folders.ts';
import { cpuBetween, sampleMemory, sampleTree, sum, type MemorySample } from './process-tree.ts';
import { startSink, type Sink } from './sink-process.ts';
import { makeCountsFolder, readSyncCounts, syncShim, type SyncCounts } from './sync-counts.ts';
import { fillQueue, startRefusingSink, WAITING_DOMAIN } from './waiting-mail.ts';
import { perSecond, untilQuiet, watchMemory } from './watch.ts';
import { warmUp } from './warm-up.ts';

export interface BenchPlan {
  /** Bytes of a message. */
  readonly size: number;
  readonly sessions: number;
  /** Of one run. */
  readonly messages: number;
  readonly runs: number;
  /** Seconds of load before the first run; 0: none. */
  readonly warmUpSeconds: number;
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
  /** Messages that wait in the queue during the runs, each tried once. */
  readonly waiting?: number;
  /** Each sync is counted and takes so many milliseconds longer. */
  readonly syncDelayMs?: number;
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
  /** Accepted since the farm's start, before the runs. */
  readonly warmUpMessages: number;
  /** Since the farm's start, where they were counted. */
  readonly syncs?: SyncCounts;
  /** Where the farm's files were. */
  readonly folder: string;
}

interface Stage {
  readonly farm: Farm;
  readonly sink: Sink;
  /** Next hop of the mail that waits. */
  readonly refusing: Sink;
  readonly plan: BenchPlan;
}

/** Runs it all. Whatever happens, nothing is left: no process and no folder. Rejects when farm or sink do not start, or the warm-up goes wrong. */
export async function runBench(plan: BenchPlan, say: (line: string) => void): Promise<BenchFigures> {
  const folders = makeFolders(plan.folder);
  if (plan.profile !== undefined) prepareProfiles(plan.profile);
  try {
    using sink = await startSink();
    using refusing = await startRefusingSink();
    const options = { folders, set: settings(plan, sink.port, refusing.port) };
    // The first start on a var compiles; every later one finds the code in Node's compile cache, and is smaller for it.
    await startOnce(options);
    const counts = makeCountsFolder(folders.root);
    const figures = await measureFarm({ ...options, env: environment(plan, counts) }, { sink, refusing, plan }, say);
    return plan.syncDelayMs === undefined ? figures : { ...figures, syncs: readSyncCounts(counts) };
  } finally {
    removeFolders(folders);
  }
}

/** Stops the farm before it returns: its processes tell some things only then. */
async function measureFarm(
  options: FarmOptions & { readonly folders: Folders },
  stage: Omit<Stage, 'farm'>,
  say: (line: string) => void,
): Promise<BenchFigures> {
  await using farm = await startFarm(options);
  return await measure({ ...stage, farm }, options.folders.root, say);
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
  say(`warm-up: ${plan.warmUpSeconds} s`);
  const deadlineMs = plan.runSeconds * 1000;
  let warmUpMessages = await warmUp(plan.warmUpSeconds, { peer: farm, sink: stage.sink, deadlineMs, send: generate });
  if (plan.waiting) {
    say(`${plan.waiting} messages that wait`);
    warmUpMessages += plan.waiting;
    await fillQueue(farm.port, stage.refusing, plan.waiting);
    await untilQuiet(farm.pid);
  }
  const runs: RunFigures[] = [];
  while (runs.length < plan.runs) {
    say(`run ${runs.length + 1} of ${plan.runs}: ${plan.messages} messages`);
    runs.push(await measureRun(stage, plan.messages));
  }
  return { idle, runs, warmUpMessages, folder };
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
  const idleSink = await sink.count();
  await sink.forget();
  const before = sampleTree(farm.pid);
  const load = await generate({ port: farm.port, sessions: plan.sessions, messages, size: plan.size, deadlineMs });
  await sink.untilArrived(load.accepted, until);
  const memory = peak.stop();
  await untilQuiet(farm.pid);
  const cpuMs = cpuBetween(before, sampleTree(farm.pid));
  const count = await sink.count();
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

function settings(plan: BenchPlan, port: number, refusing: number): string[] {
  return [
    'listen.0.role=submission',
    `listen.0.filters=${plan.filters ? '["structure"]' : '[]'}`,
    `routes=[{match: ${WAITING_DOMAIN}, via: "smtp:[127.0.0.1]:${refusing}"}, {match: "*", via: "smtp:[127.0.0.1]:${port}"}]`,
    ...(plan.waiting ? ['retry.times=[1d]'] : []),
    ...plan.set,
  ];
}

/** Empty, and open to the user whom a farm of root runs its workers as. */
function prepareProfiles(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (name.endsWith('.cpuprofile')) rmSync(join(folder, name));
  chmodSync(folder, 0o1777);
}

/** What is looked at from outside: nothing of the farm knows of it. */
function environment({ profile, syncDelayMs }: BenchPlan, counts: string): Record<string, string> {
  const options = [
    ...(profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]),
    ...(syncDelayMs === undefined ? [] : [syncShim(syncDelayMs, counts)]),
  ];
  return options.length === 0 ? {} : { NODE_OPTIONS: options.join(' ') };
}
