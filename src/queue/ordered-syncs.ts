/**
 * Syncs of one file that is appended to. On a fast disk there is one at a time; a slow one has company by the next, so that who came
 * meanwhile need not wait for its end. Answers keep the order of the records: after a failed sync nobody knows what the kernel still
 * holds, so one that began beside it or after it answers for nothing.
 */

/** What a sync is for. */
export interface Synced {
  /** It is durable, and everything before it. */
  readonly done: () => void;
}

/** A sync that takes longer, in ms, is not waited for. */
const SLOW_MS = 4;
const MOST = 2;

export class OrderedSyncs<T extends Synced> {
  readonly #sync: () => Promise<void>;
  readonly #onTrouble: () => void;
  /** Under way, oldest first; each ends after those before it, and never rejects. */
  readonly #open: Promise<void>[] = [];
  /** Why the first failed one did. */
  trouble: Error | undefined;
  /** What was not made durable, in order; complete once all() resolved. */
  readonly lost: T[] = [];

  /** `onTrouble` is called for each sync whose records are lost. */
  constructor(sync: () => Promise<void>, onTrouble: () => void) {
    this.#sync = sync;
    this.#onTrouble = onTrouble;
  }

  begin(written: readonly T[]): void {
    this.#open.push(this.#run(written, this.#open.at(-1)));
  }

  /** Waits until another may begin: for the end of the oldest, or for as long as one takes on a fast disk. */
  async room(): Promise<void> {
    while (this.#open.length >= MOST) await this.#open[0];
    const [oldest] = this.#open;
    if (oldest === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, SLOW_MS);
      void oldest.then(() => (clearTimeout(timer), resolve()));
    });
  }

  /** Resolves when none is under way; never rejects. */
  async all(): Promise<void> {
    while (this.#open.length > 0) await this.#open.at(-1);
  }

  async #run(written: readonly T[], before: Promise<void> | undefined): Promise<void> {
    try {
      await this.#sync();
    } catch (error) {
      this.trouble ??= error instanceof Error ? error : new Error(String(error));
    }
    await before;
    void this.#open.shift();
    if (this.trouble === undefined) for (const one of written) one.done();
    else {
      this.lost.push(...written);
      this.#onTrouble();
    }
  }
}
