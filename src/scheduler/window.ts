/** What memory holds: the weight of the parts in bins and lanes. The rest waits in the index. */
import { weightOf, type WorkPart } from './work.ts';

/** Parts that a tenant may always have in memory in each bin, so that none is starved by a full window. */
export const LINE_SHARE = 10;

export class Window {
  readonly #limit: () => number;
  #weight = 0;

  /** `limit` in parts; one with many recipients counts as several. */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  get weight(): number {
    return this.#weight;
  }

  /** What may come in; a little always may. */
  get room(): number {
    return Math.max(LINE_SHARE, this.#limit() - this.#weight);
  }

  get full(): boolean {
    return this.#weight >= this.#limit();
  }

  enter(part: Pick<WorkPart, 'to'>): void {
    this.#weight += weightOf(part);
  }

  leave(part: Pick<WorkPart, 'to'>): void {
    this.#weight -= weightOf(part);
  }
}
