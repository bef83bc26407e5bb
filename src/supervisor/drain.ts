/**
 * For `mailfarmd --drain`: waits until there is nothing left to do, by asking the scheduler and the workers.
 *
 * The scheduler knows what it has; what it does not have is in the queue only, until the injector finds it, or in the hands of a
 * worker: a router, or the maker of a report. So it is over when the injector ended, the scheduler says that nothing can be done now,
 * then every worker says that it has nothing in hand, and then the scheduler says once more what it said, and took nothing since.
 */
import { pause } from '../base/deadline.ts';
import type { IpcTls } from '../ipc/address.ts';
import { connectPeer } from '../ipc/connect.ts';
import type { Stats, Work } from '../ipc/insight.ts';
import { PROTOCOL_VERSION, type Frame, type Hello } from '../ipc/messages.ts';
import { DrainTally } from './drain-tally.ts';
import { Standstill } from './standstill.ts';

/** due: one attempt for what can be tried now; what is deferred then stays. all: until the queue is empty but for held mail. */
export type DrainGoal = 'due' | 'all';

export interface DrainOptions {
  readonly goal: DrainGoal;
  /** Socket of the scheduler. */
  readonly address: string;
  readonly tls?: IpcTls | undefined;
  /** Everything in the queue was handed on: no run of the injector is under way or asked for. */
  readonly walked: () => boolean;
  /** The supervisor stops. */
  readonly stopping: () => boolean;
  /** Whether all workers, asked now, say that they have nothing in hand. */
  readonly handsEmpty: () => Promise<boolean>;
  /** Called now and then while mail waits for its time. */
  readonly onStats: (stats: Stats) => void;
}

/** stuck: nothing moved any more, although there is work. `left` is of the last answer of the scheduler. */
export type DrainEnd =
  | { readonly how: 'stopped' }
  | { readonly how: 'stuck'; readonly left: number | undefined }
  | { readonly how: 'drained'; readonly delivered: number; readonly bounced: number; readonly work: Work };

const POLL_MS = 200;
const ASK_MS = 10_000;
/** Between two looks at what waits, in ms. */
const STATS_MS = 5000;

/** Resolves when there is nothing left to do, or nothing that can be done about it, or when the supervisor stops. */
export async function untilDrained(options: DrainOptions): Promise<DrainEnd> {
  const standstill = new Standstill();
  const tally = new DrainTally();
  let toldAt = -Infinity;
  for (;;) {
    await pause(POLL_MS);
    if (options.stopping()) return { how: 'stopped' };
    const work = await askWork(options);
    const now = performance.now();
    if (work) tally.note(work);
    const rests = work !== undefined && !work.busy && options.walked();
    if (standstill.note(work, rests, now)) return { how: 'stuck', left: work?.left };
    if (!rests) continue;
    if (options.goal === 'all' && work.left > 0) {
      if (now - toldAt < STATS_MS) continue;
      toldAt = now;
      const stats = await ask(options, { t: 'stats?' });
      if (stats?.t === 'stats') options.onStats(stats);
      continue;
    }
    const last = (await options.handsEmpty()) ? await askWork(options, true) : undefined;
    if (last && isSame(last, work) && options.walked()) return { how: 'drained', ...tally.sum, work: last };
  }
}

function isSame(last: Work, { since, taken, reported }: Work): boolean {
  return !last.busy && last.since === since && last.taken === taken && last.reported === reported;
}

async function askWork(options: DrainOptions, count = false): Promise<Work | undefined> {
  const answer = await ask(options, count ? { t: 'work?', count } : { t: 'work?' });
  return answer?.t === 'work' ? answer : undefined;
}

async function ask(
  { address, tls }: DrainOptions,
  question: { readonly t: 'stats?' } | { readonly t: 'work?'; readonly count?: boolean },
): Promise<Frame | undefined> {
  const self: Hello = { t: 'hello', v: PROTOCOL_VERSION, farm: 'cli', worker: 'drain', pid: process.pid };
  try {
    const peer = await connectPeer({ address, self, tls, deadlineMs: ASK_MS });
    try {
      return await peer.request(question, ASK_MS);
    } finally {
      peer.close();
    }
  } catch {
    // It is being replaced: ask again.
    return undefined;
  }
}
