/**
 * A worker's mouth towards its supervisor. Never blocks, never throws, holds at most a hundred unsent reports: the
 * supervisor may be stopped for hours (SIGSTOP) and mail must flow, so what does not fit is dropped. Figures are sent at
 * most once a second and only when they changed; a wake for one farm at most ten times a second.
 */
import type { FarmName } from '../config/config.ts';
import type { Figures, Report } from './orders.ts';

const MAX_UNSENT = 100;
const WAKE_EVERY_MS = 100;
const STATS_EVERY_MS = 1000;

export class Reports {
  readonly #send: (report: Report, sent: () => void) => void;
  readonly #wakes = new Map<FarmName, number>();
  #unsent = 0;
  #jobs = 0;
  #told = '';
  #timer: NodeJS.Timeout | undefined;
  #figures: (() => Figures) | undefined;

  /** `send` calls back when the report has left, or never will. */
  constructor(send: (report: Report, sent: () => void) => void) {
    this.#send = send;
  }

  get jobs(): number {
    return this.#jobs;
  }

  /** Counts jobs; says at once when their number passes `limit` (0: none), so that the worker is recycled in time. */
  addJobs(n: number, limit: number): void {
    const before = this.#jobs;
    this.#jobs += n;
    if (limit > 0 && before < limit && this.#jobs >= limit) this.tell({ report: 'stats', jobs: this.#jobs, stats: {} });
  }

  /** Sends a report unless too many wait; false when it was dropped. */
  tell(report: Report): boolean {
    if (this.#unsent >= MAX_UNSENT) return false;
    this.#unsent += 1;
    this.#send(report, () => {
      this.#unsent -= 1;
    });
    return true;
  }

  wake(farm: FarmName): void {
    const now = performance.now();
    if (now - (this.#wakes.get(farm) ?? -Infinity) < WAKE_EVERY_MS) return;
    this.#wakes.set(farm, now);
    this.tell({ report: 'wake', farm });
  }

  /** Starts telling figures, after a look at them each time; the timer keeps no process alive. */
  tellStats(figures: () => Figures, look?: (figures: Figures) => void): void {
    this.#figures = figures;
    this.#timer = setInterval(() => {
      const now = figures();
      look?.(now);
      this.#tellStats(now);
    }, STATS_EVERY_MS).unref();
  }

  /** Answers who asked for the figures of this moment; says nothing before there are any. */
  answerFigures(n: number): void {
    if (this.#figures) this.tell({ report: 'stats', jobs: this.#jobs, stats: this.#figures(), n });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tellStats(stats: Figures): void {
    const text = JSON.stringify([this.#jobs, stats]);
    // An unsent report means that nobody reads: the next one to pass will hold newer figures.
    if (text === this.#told || this.#unsent > 0) return;
    if (this.tell({ report: 'stats', jobs: this.#jobs, stats })) this.#told = text;
  }
}
