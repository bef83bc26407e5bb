/**
 * One drill from its sink to its last look at the queue: sends, kills, waits for what is under way, deletes what is left
 * of its own mail, and hands back what it saw. It prints nothing and judges nothing.
 *
 * While it runs, its lease tells acceptors and transports of its sink; however it ends, the lease is gone or runs out.
 */
import { randomBytes } from 'node:crypto';
import type { Endpoint } from '../../../client/endpoint.ts';
import type { Config, FarmName } from '../../../config/config.ts';
import { removeDrillLease, RENEW_MS, writeDrillLease } from '../../../process/drill-lease.ts';
import type { Context } from '../../common/context.ts';
import { killWorkers, type Kill } from './killer.ts';
import { deleteDrillMail, findDrillMail } from './leftovers.ts';
import { DrillLedger, type Verdict } from './ledger.ts';
import type { DrillPlan } from './options.ts';
import { medianGap, pauseAround } from './pauses.ts';
import { makeRandom } from './random.ts';
import { sendDrillMail } from './sender.ts';
import { settle } from './settle.ts';
import { startDrillSink, type DrillSink } from './sink.ts';

export interface DrillOptions {
  readonly context: Context;
  readonly config: Config;
  readonly plan: DrillPlan;
  readonly farms: readonly FarmName[];
  readonly listener: Endpoint;
  /** Ends sending and killing; what is under way is waited for all the same, but not for long. */
  readonly stop: AbortSignal;
  readonly onKill: (kill: Kill, sinceStartMs: number) => void;
}

export interface JudgedKill extends Omit<Kill, 'at'> {
  /** Milliseconds since the start. */
  readonly atMs: number;
  /** How much longer than usual nothing was accepted, or nothing arrived; undefined where nothing came after it. */
  readonly acceptPauseMs: number | undefined;
  readonly deliverPauseMs: number | undefined;
}

export interface DrillResult {
  readonly run: string;
  readonly tookMs: number;
  /** Messages that were begun. */
  readonly sent: number;
  readonly setbacks: number;
  readonly refusal: string | undefined;
  readonly verdict: Verdict;
  readonly medianGapMs: { readonly accept: number; readonly deliver: number };
  readonly kills: readonly JudgedKill[];
  /** Of the run's messages that were still queued: how many were deleted, and how many could not be. */
  readonly deleted: number;
  readonly left: number;
}

/** Of a drill that was stopped: for what is under way. */
const STOPPED_WAIT_MS = 10_000;
/** Its workers deliver themselves: what one of them had under way may come twice. */
const DELIVERS: ReadonlySet<FarmName> = new Set(['smtp']);

/** Rejects when the sink or the lease cannot be had. */
export async function runDrill(options: DrillOptions): Promise<DrillResult> {
  const run = randomBytes(16).toString('hex');
  const ledger = new DrillLedger();
  const sink = await startDrillSink(options.plan.size, (mark) => {
    if (mark?.run === run) ledger.arrive(mark.number, performance.now(), mark.whole);
    else ledger.arriveStrange();
  });
  const lease = holdLease(run, sink);
  try {
    return await drill(run, options, ledger);
  } finally {
    clearInterval(lease);
    removeDrillLease();
    sink.close();
  }
}

function holdLease(run: string, { port }: DrillSink): NodeJS.Timeout {
  writeDrillLease({ run, port });
  return setInterval(() => {
    try {
      writeDrillLease({ run, port });
    } catch {
      // A full disk: the lease holds for a while, and the next renewal may work.
    }
  }, RENEW_MS);
}

async function drill(run: string, options: DrillOptions, ledger: DrillLedger): Promise<DrillResult> {
  const { context, config, plan, stop } = options;
  const began = performance.now();
  const kills: Kill[] = [];
  const sent = await sendAndKill(run, options, { ledger, kills, began });
  const findQueued = (): Promise<ReadonlySet<string>> => findDrillMail(config, run);
  const waitMs = stop.aborted ? Math.min(plan.waitMs, STOPPED_WAIT_MS) : plan.waitMs;
  const queued = await settle({ ledger, findQueued, waitMs });
  const left = queued.size === 0 ? queued : await deleteDrillMail(context, config, run).catch(() => queued);
  const accepts = ledger.acceptTimes();
  const arrivals = ledger.arrivalTimes();
  return {
    run,
    tookMs: performance.now() - began,
    sent,
    setbacks: ledger.setbacks,
    refusal: ledger.refusal,
    verdict: ledger.judge(
      kills.filter(({ farm, signal }) => signal === 'KILL' && DELIVERS.has(farm)),
      queued,
    ),
    medianGapMs: { accept: medianGap(accepts), deliver: medianGap(arrivals) },
    kills: kills.map(({ at, ...kill }, index) => {
      const span = { from: at, to: at + (kill.replacedMs ?? 0), until: kills[index + 1]?.at };
      return {
        ...kill,
        atMs: at - began,
        acceptPauseMs: pauseAround(accepts, span),
        deliverPauseMs: pauseAround(arrivals, span),
      };
    }),
    deleted: queued.size - left.size,
    left: left.size,
  };
}

interface Course {
  readonly ledger: DrillLedger;
  readonly kills: Kill[];
  readonly began: number;
}

/** Both until all is sent; resolves with how much that was. */
async function sendAndKill(
  run: string,
  { config, plan, farms, listener, stop, onKill }: DrillOptions,
  { ledger, kills, began }: Course,
): Promise<number> {
  const sentAll = new AbortController();
  const killing = killWorkers({
    farms,
    everyMs: plan.everyMs,
    signal: plan.signal,
    random: makeRandom(plan.seed),
    stop: AbortSignal.any([stop, sentAll.signal]),
    onKill: (kill) => {
      kills.push(kill);
      onKill(kill, kill.at - began);
    },
  });
  const sending = sendDrillMail({ run, to: listener, name: config.hostname, plan, ledger, stop });
  const sent = await sending.finally(() => sentAll.abort());
  await killing;
  return sent;
}
