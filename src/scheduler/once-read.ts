/**
 * What was finished before is read when the first router hands something on, and not before the scheduler is at work: after a long time
 * without settling there are gigabytes of it, and a scheduler that is not ready in time is killed and begins anew. Only what routers
 * hand on waits for it. Until the walk ends, which is when nobody needs it any more, no outcome leaves the disk.
 */
import type { Routed } from '../ipc/messages.ts';
import type { FinishedBefore } from './finished-before.ts';

export class OnceRead {
  readonly #read: () => Promise<FinishedBefore>;
  #reading: Promise<void> | undefined;
  #before: FinishedBefore | undefined;
  #forgotten = false;
  #waiting: (() => void)[] = [];

  /** Where that rejects nobody handles it, and the process ends: who cannot tell what is finished must not go on. */
  constructor(read: () => Promise<FinishedBefore>) {
    this.#read = read;
  }

  /** Calls back with what is left of a frame, undefined when that is nothing: at once, or when all was read. */
  strip(frame: Routed, id: string, take: (left: Routed | undefined) => void): void {
    if (this.#forgotten) return take(frame);
    if (this.#before) return take(this.#before.strip(frame, id));
    this.#waiting.push(() => this.strip(frame, id, take));
    this.#reading ??= this.#begin();
  }

  /** The injector walked the queue. */
  forget(): void {
    this.#forgotten = true;
    this.#before?.forget();
    this.#release();
  }

  async #begin(): Promise<void> {
    const before = await this.#read();
    this.#before = before;
    if (this.#forgotten) before.forget();
    this.#release();
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }
}
