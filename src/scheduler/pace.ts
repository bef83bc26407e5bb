/**
 * A limit on how often something happens, as the generic cell rate algorithm (ITU-T I.371, annex A): smooth, without a window at
 * whose start all come at once. One number is all that it remembers.
 */
export interface Rate {
  /** Events in a second in the long run, above 0. */
  readonly perSecond: number;
  /** Events that may come at once after a pause, 1 at least. */
  readonly burst: number;
}

/** Whoever waits comes some ms late; so much of that is made up for, or a rate of many in a second would never be reached. */
const LATE_MS = 10;

export class Pace {
  readonly #interval: number;
  readonly #tolerance: number;
  /** When the next event would be exactly in time, in ms of the caller's clock. */
  #due = -Infinity;

  constructor({ perSecond, burst }: Rate) {
    this.#interval = 1000 / perSecond;
    this.#tolerance = Math.max(LATE_MS, (burst - 1) * this.#interval);
  }

  /** Milliseconds until one more may happen; 0 for now. */
  wait(now: number): number {
    return Math.max(0, this.#due - this.#tolerance - now);
  }

  /** How many may happen now, one after another. */
  room(now: number): number {
    const early = Math.max(this.#due, now) - now;
    return early > this.#tolerance ? 0 : Math.floor((this.#tolerance - early) / this.#interval + 1 + 1e-9);
  }

  /** One happens, whether it was its time or not. */
  take(now: number): void {
    this.#due = Math.max(this.#due, now) + this.#interval;
  }
}
