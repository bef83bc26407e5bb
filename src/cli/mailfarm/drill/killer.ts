/**
 * Kills one worker after the other, each chosen at random, while a drill sends its mail.
 *
 * Never two at a time: the next one dies only after the one before was replaced, or after it became clear that it is not.
 * Nor while any farm has less workers than it should, whyever. The supervisor sends the signal, to a worker that it knows at
 * that moment.
 */
import type { FarmName } from '../../../config/config.ts';
import type { FarmStatus, KillSignal, Status, WorkerStatus } from '../../../process/control.ts';
import { askSupervisor } from '../../common/control.ts';
import type { Random } from './random.ts';
import { rest } from './rest.ts';

export interface Kill {
  readonly farm: FarmName;
  readonly worker: string;
  readonly pid: number;
  readonly signal: KillSignal;
  /** Monotonic milliseconds. */
  readonly at: number;
  /** Until another worker was ready in its place; undefined when there was none in time, or none was needed. */
  replacedMs?: number;
}

export interface KillerOptions {
  readonly farms: readonly FarmName[];
  readonly everyMs: number;
  readonly signal: KillSignal;
  readonly random: Random;
  /** Ends it, after the replacement that it waits for. */
  readonly stop: AbortSignal;
  readonly onKill: (kill: Kill) => void;
}

const ASK_MS = 5000;
const LOOK_EVERY_MS = 50;
/** For a worker to be replaced: the supervisor's fence after a scheduler's death takes ten seconds at most. */
const REPLACE_MS = 30_000;

/** Resolves when it was stopped. What cannot be asked or killed now is passed over. */
export async function killWorkers(options: KillerOptions): Promise<void> {
  const { stop, everyMs } = options;
  for (await rest(everyMs, stop); !stop.aborted;) {
    const began = performance.now();
    await killOne(options);
    await rest(Math.max(0, everyMs - (performance.now() - began)), stop);
  }
}

async function killOne({ farms, random, signal, onKill }: KillerOptions): Promise<void> {
  const status = await askStatus();
  if (status === undefined || status.stopping || !status.farms.every(isWhole)) return;
  const able = status.farms.filter((farm) => farms.includes(farm.farm) && farm.workers.some(isFit));
  const farm = random.pick(able);
  const victim = farm && random.pick(farm.workers.filter(isFit));
  if (farm === undefined || victim === undefined) return;
  const asked = await askSupervisor({ verb: 'kill', pid: victim.pid, signal }, ASK_MS);
  if (asked.kind !== 'answered' || !asked.answer.ok) return;
  const kill: Kill = { farm: farm.farm, worker: victim.name, pid: victim.pid, signal, at: performance.now() };
  onKill(kill);
  await waitForAnother(kill, farm);
}

async function waitForAnother(kill: Kill, before: FarmStatus): Promise<void> {
  // It runs when there is need, and is not missed.
  if (before.least === 0 && before.farm === 'injector') return;
  const known = new Set(before.workers.map(({ pid }) => pid));
  while (performance.now() - kill.at < REPLACE_MS) {
    const status = await askStatus();
    const farm = status?.farms.find((one) => one.farm === kill.farm);
    if (farm?.workers.some((worker) => isFit(worker) && !known.has(worker.pid))) {
      kill.replacedMs = performance.now() - kill.at;
      return;
    }
    await rest(LOOK_EVERY_MS);
  }
}

function isWhole(farm: FarmStatus): boolean {
  return farm.workers.filter(isFit).length >= farm.least;
}

function isFit(worker: WorkerStatus): boolean {
  return worker.ready && !worker.draining && worker.pid > 1;
}

async function askStatus(): Promise<Status | undefined> {
  const asked = await askSupervisor({ verb: 'status' }, ASK_MS);
  return asked.kind === 'answered' && asked.answer.ok && 'farms' in asked.answer ? asked.answer : undefined;
}
