/** Keeps run/live.json in step with the workers that run, also over a disk that was full for a while. */
import { errorText } from '../base/text.ts';
import type { Owner } from '../process/as-owner.ts';
import { writeLive } from '../process/live.ts';

const RETRY_MS = 1000;

export class LiveFile {
  readonly #live = new Set<string>();
  readonly #owner: Owner | undefined;
  readonly #onProblem: (why: string) => void;
  #stale = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(owner: Owner | undefined, onProblem: (why: string) => void) {
    this.#owner = owner;
    this.#onProblem = onProblem;
  }

  /** The file does not tell the truth: no injector may be forked. */
  get stale(): boolean {
    return this.#stale;
  }

  add(instance: string): void {
    this.#live.add(instance);
    this.#write();
  }

  remove(instance: string): void {
    this.#live.delete(instance);
    this.#write();
  }

  #write(): void {
    clearTimeout(this.#retry);
    try {
      writeLive(this.#live, this.#owner);
      this.#stale = false;
    } catch (error) {
      if (!this.#stale) this.#onProblem(errorText(error));
      this.#stale = true;
      this.#retry = setTimeout(() => this.#write(), RETRY_MS);
    }
  }
}
