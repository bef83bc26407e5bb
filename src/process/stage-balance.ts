/**
 * Conservation within one stage: what entered it has left it or is in hand. A role counts what enters and what leaves, and looks
 * what it has in hand, each by itself: `entered`, `left` and `inHand` of its figures. Where these differ for a minute without a
 * change, something is lost or doubled in this worker, and it says so. Shorter is no sign: a message may be between two hands.
 */
import type { Figures } from './orders.ts';

/** Looks in a row, a second each, that must agree. */
const LOOKS = 60;

export class StageBalance {
  readonly #onImbalance: (missing: number, figures: Figures) => void;
  #missing = 0;
  #looks = 0;

  /** `missing`: jobs that entered and neither left nor are in hand; negative where more are than entered. */
  constructor(onImbalance: (missing: number, figures: Figures) => void) {
    this.#onImbalance = onImbalance;
  }

  /** The figures as they are; those of a role that keeps no such count say nothing. */
  look(figures: Figures): void {
    const { entered, left, inHand } = figures;
    if (entered === undefined || left === undefined || inHand === undefined) return;
    const missing = entered - left - inHand;
    this.#looks = missing === this.#missing ? this.#looks + 1 : 1;
    this.#missing = missing;
    if (missing !== 0 && this.#looks === LOOKS) this.#onImbalance(missing, figures);
  }
}
