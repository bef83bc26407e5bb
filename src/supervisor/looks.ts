/**
 * A look after the mail, from time to time: all that stages tell each other are hints, and what is on disk decides. Whatever was
 * lost on the way between two of them is found so without a restart. A farm to which no mail came since takes no look.
 */

/** Between two looks, in ms. */
export const LOOK_MS = 25 * 60_000;

export class Looks {
  readonly #look: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** Looks that are still to be taken after the last work: what came just before the first is looked for by the second. */
  #owed = 0;

  constructor(look: () => void) {
    this.#look = look;
  }

  /** A worker that may have written mail did something. */
  noteWork(): void {
    this.#owed = 2;
    if (this.#timer === undefined) this.#wait();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#owed = 0;
  }

  #wait(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#owed === 0) return;
      this.#owed -= 1;
      this.#look();
      if (this.#owed > 0) this.#wait();
    }, LOOK_MS);
    this.#timer.unref();
  }
}
