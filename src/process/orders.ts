/**
 * What supervisor and worker say to each other over the Node IPC channel of fork(): orders down, reports up.
 *
 * No mail, no handle and no job ever passes here: with the supervisor stopped, mail flows on. Both ends check the
 * shape of what they get; anything else is ignored. Reports may be lost when the channel is full: none is a promise.
 */
import { FARM_NAMES, type FarmName } from '../config/config.ts';

/** Supervisor to worker. Deadlines are milliseconds since 1970. */
export type Order =
  /** Take no more work, finish what is held until the deadline, exit 0. */
  | { readonly order: 'drain'; readonly deadline: number }
  /** In answer to `term`: the whole farm is stopping, and a drain order will come in its turn. */
  | { readonly order: 'stay' }
  /** Tell the figures of this moment at once, changed or not, in a report with the same `n`. */
  | { readonly order: 'figures'; readonly n: number }
  /** run/config.json is new: read it again. Only roles with reload() get it; others are replaced. */
  | { readonly order: 'reload' };

/** Worker to supervisor. */
export type Report =
  /** The worker accepts work. */
  | { readonly report: 'ready' }
  /**
   * Jobs done since the start, and the role's figures. `busy` above 0 keeps a worker from being retired as idle. `n`: in answer to
   * the order `figures`.
   */
  | { readonly report: 'stats'; readonly jobs: number; readonly stats: Figures; readonly n?: number }
  /** The farm has less workers than its work needs. */
  | { readonly report: 'wake'; readonly farm: FarmName }
  /** A worker of this supervisor overran its deadline: SIGKILL it. */
  | { readonly report: 'kill'; readonly pid: number; readonly why: string }
  /** The worker got SIGTERM. */
  | { readonly report: 'term' }
  /** Run the injector in settle mode. */
  | { readonly report: 'settle' };

/** Figures of one worker, as shown by `mailfarm status`. */
export type Figures = Readonly<Record<string, number>>;

/** What the injector is run for: everything, what dead writers left behind, journals that are past their time, what nobody works on. */
export const INJECTOR_MODES = ['start', 'orphans', 'settle', 'look'] as const;
export type InjectorMode = (typeof INJECTOR_MODES)[number];

/** Figures that one report may hold. */
const MAX_FIGURES = 100;

/** The order in a message, or undefined when it is none. */
export function decodeOrder(message: unknown): Order | undefined {
  if (!isObject(message)) return undefined;
  const { order } = message;
  if (order === 'reload' || order === 'stay') return { order };
  const { n, deadline } = message;
  if (order === 'figures') return isCount(n) ? { order, n } : undefined;
  return order === 'drain' && isCount(deadline) ? { order: 'drain', deadline } : undefined;
}

/** The report in a message, or undefined when it is none. */
export function decodeReport(message: unknown): Report | undefined {
  if (!isObject(message)) return undefined;
  const { report, farm, pid, why, jobs, stats, n } = message;
  if (report === 'ready' || report === 'settle' || report === 'term') return { report };
  if (report === 'wake') return isFarmName(farm) ? { report, farm } : undefined;
  if (report === 'kill') return isCount(pid) && pid > 1 ? { report, pid, why: String(why).slice(0, 500) } : undefined;
  if (report === 'stats' && isCount(jobs)) return { report, jobs, stats: pickFigures(stats), ...(isCount(n) && { n }) };
  return undefined;
}

function isFarmName(value: unknown): value is FarmName {
  return FARM_NAMES.some((name) => name === value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function pickFigures(value: unknown): Figures {
  if (!isObject(value)) return {};
  const pairs = Object.entries(value).filter(([, figure]) => Number.isFinite(figure));
  return Object.fromEntries(pairs.slice(0, MAX_FIGURES)) as Figures;
}
