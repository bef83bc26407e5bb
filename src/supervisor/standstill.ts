/**
 * Tells when a drain gets nowhere: there is work, nobody is at it, and nothing moves for minutes, as with a farm whose workers die at
 * their start. A delivery under way has limits of its own, however long they are. A scheduler that is replaced again and again moves
 * nothing by taking over what the one before it took.
 */
import type { Work } from '../ipc/insight.ts';

/** Longer than any pause of a farm that works: a throttled one waits a minute, and a worker has one to start. */
export const STANDSTILL_MS = 10 * 60_000;

export class Standstill {
  #movedAt: number | undefined;
  #since = 0;
  #taken = 0;
  #reported = 0;

  /**
   * Call it with each answer of the scheduler, undefined where there was none; `now` in monotonic ms. `rests`: there is nothing to do
   * now. True when nothing moved for too long.
   */
  note(
    work: Pick<Work, 'since' | 'taken' | 'reported' | 'inDelivery'> | undefined,
    rests: boolean,
    now: number,
  ): boolean {
    this.#movedAt ??= now;
    if (rests || (work !== undefined && this.#moved(work))) this.#movedAt = now;
    return now - this.#movedAt >= STANDSTILL_MS;
  }

  #moved({ since, taken, reported, inDelivery }: Pick<Work, 'since' | 'taken' | 'reported' | 'inDelivery'>): boolean {
    const same = since === this.#since;
    const moved = inDelivery > 0 || taken > this.#taken || (same && reported > this.#reported);
    this.#since = since;
    this.#taken = Math.max(this.#taken, taken);
    this.#reported = reported;
    return moved;
  }
}
