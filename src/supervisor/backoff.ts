/**
 * How long a farm waits before it replaces a worker that died: nothing for the first death, then 1, 2, 4 … 60 seconds
 * while workers die soon after their start. Pure: the caller tells the time. One per farm, so that a crash loop
 * throttles that farm alone.
 */

/** A worker that lived this long was no crash loop. */
const SOON_MS = 10_000;
const FIRST_MS = 1000;
const LONGEST_MS = 60_000;

export interface Death {
  /** From fork to end, in milliseconds. */
  readonly livedMs: number;
  /** SIGKILL ended a worker that had been ready: an operator or the kernel, hardly a fault in its start. */
  readonly killed: boolean;
}

export class Backoff {
  #soon = 0;
  #until = -Infinity;

  /** Notes an unclean death at `now` (monotonic milliseconds). Returns the wait in milliseconds. */
  note(death: Death, now: number): number {
    if (death.livedMs >= SOON_MS) this.#soon = 0;
    const longest = death.killed ? FIRST_MS : LONGEST_MS;
    const wait = this.#soon === 0 ? 0 : Math.min(FIRST_MS * 2 ** (this.#soon - 1), longest);
    if (death.livedMs < SOON_MS && !(death.killed && this.#soon > 0)) this.#soon += 1;
    this.#until = Math.max(this.#until, now + wait);
    return wait;
  }

  /** Milliseconds until a worker may be started. */
  leftMs(now: number): number {
    return Math.max(0, this.#until - now);
  }

  /** Forgets all deaths: the configuration changed, or an operator asked. */
  reset(): void {
    this.#soon = 0;
    this.#until = -Infinity;
  }
}
