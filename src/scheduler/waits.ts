/** How long parts wait, in ms, when somebody named a time of day. That may have been read off a clock that was wrong. */
import type { SteadyClock } from '../base/steady-clock.ts';
import type { Bin } from './bins.ts';
import { deadlineOf } from './deliver-by.ts';
import type { WorkPart } from './work.ts';

/** The longest wait of a retry, where the configuration has shorter ones only, and what chance may add to it. */
const LEAST_LONGEST_MS = 60 * 60_000;
const RETRY_SLACK = 0.2;
/** How often what waits for a time of day looks at the clock, in ms: that may be put right meanwhile. */
const RELEASE_LOOK_MS = 60 * 60_000;

export class Waits {
  readonly #clock: SteadyClock;
  readonly #times: () => readonly number[];

  /** `times`: the waits between attempts, in ms. */
  constructor(clock: SteadyClock, times: () => readonly number[]) {
    this.#clock = clock;
    this.#times = times;
  }

  /** Nothing waits for longer than a retry does. */
  untilRetry(until: number | undefined): number {
    if (until === undefined) return 0;
    const longest = Math.max(LEAST_LONGEST_MS, ...this.#times()) * (1 + RETRY_SLACK);
    return Math.min(this.#clock.waitUntil(until), longest);
  }

  /** An appointment, however far away: looked at again and again. A clock that just jumped ahead does not bring it nearer. */
  untilRelease(time: number): number {
    return Math.min(Math.max(this.#clock.waitUntil(time), time - this.#clock.now()), RELEASE_LOOK_MS);
  }

  /**
   * The tick for which a part waits whose bin waits as a whole; 0: for its bin. What is to be delivered by a time waits for that, or
   * for the end of its bin's wait if that is sooner.
   */
  withBin(bin: Pick<Bin, 'until'>, part: WorkPart): number {
    const deadline = part.message.facts.by === undefined ? undefined : deadlineOf(part);
    if (deadline === undefined) return 0;
    return Math.min(bin.until, this.#clock.tickIn(Math.max(1, deadline - this.#clock.now())));
  }
}
