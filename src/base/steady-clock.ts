/**
 * Time that nobody's hand on the clock can move at once. What waits goes by ticks(), which nobody sets. What ages goes by now(), a
 * time of day: it goes on by the monotonic clock, and follows the system's time of day where that creeps. Where that jumped, it is
 * believed by look(): back at once, forward only when it still stands there an hour later. So one wrong jump makes nothing a
 * century old.
 */
export interface SteadyClockOptions {
  readonly wall?: () => number;
  readonly monotonic?: () => number;
}

/** Less than this is no jump: clocks are put right by little all the time. */
const CREEP_MS = 60_000;
/** How long a jump forward must stand before it is believed. */
const DOUBT_MS = 60 * 60_000;

export class SteadyClock {
  readonly #wall: () => number;
  readonly #monotonic: () => number;
  /** Time of day less monotonic time. */
  #offset: number;
  #doubtedSince: number | undefined;

  constructor(options: SteadyClockOptions = {}) {
    this.#wall = options.wall ?? Date.now;
    this.#monotonic = options.monotonic ?? (() => performance.now());
    this.#offset = this.#wall() - this.#monotonic();
  }

  /** Milliseconds since 1970. */
  now(): number {
    return Math.round(this.#monotonic() + this.#offset);
  }

  /** Whole milliseconds that passed since some moment. */
  ticks(): number {
    return Math.floor(this.#monotonic());
  }

  /** The first tick that is not before so many ms from now. */
  tickIn(ms: number): number {
    return Math.ceil(this.#monotonic() + ms);
  }

  /** Milliseconds that are left until a time that somebody read off the system's clock; none when it is past. */
  waitUntil(time: number): number {
    return Math.max(0, time - this.#jumped() - this.now());
  }

  /** What the system's clock says at that tick, in milliseconds since 1970. */
  timeOf(tick: number): number {
    return this.now() + this.#jumped() + tick - this.ticks();
  }

  /** How far the system's clock is ahead; 0 where it only creeps, so that times stay what they were. */
  #jumped(): number {
    const ahead = this.#wall() - this.now();
    return Math.abs(ahead) < CREEP_MS ? 0 : ahead;
  }

  /** Looks at the system's clock; call it every few seconds. What now() jumps by thereby, in ms; 0 when it goes on. */
  look(): number {
    const ahead = this.#jumped();
    if (ahead === 0) {
      this.#doubtedSince = undefined;
      this.#offset = this.#wall() - this.#monotonic();
      return 0;
    }
    this.#doubtedSince ??= this.#monotonic();
    if (ahead > 0 && this.#monotonic() - this.#doubtedSince < DOUBT_MS) return 0;
    this.#doubtedSince = undefined;
    this.#offset += ahead;
    return ahead;
  }
}
