/**
 * What was finished before is read while the scheduler is at work already: after a long time without settling there are gigabytes of
 * it, and a scheduler that is not ready in time is killed and begins anew. Only what routers hand on waits for it.
 */
import type { Routed } from '../ipc/messages.ts';
import type { FinishedBefore } from './finished-before.ts';

export class OnceRead {
  #before: FinishedBefore | undefined;
  #forgotten = false;
  #waiting: (() => void)[] = [];

  /** Where that rejects nobody handles it, and the process ends: who cannot tell what is finished must not go on. */
  constructor(reading: Promise<FinishedBefore>) {
    void reading.then((before) => {
      this.#before = before;
      if (this.#forgotten) before.forget();
      this.#release();
    });
  }

  /** Calls back with what is left of a frame, undefined when that is nothing: at once, or when all was read. */
  strip(frame: Routed, id: string, take: (left: Routed | undefined) => void): void {
    if (this.#forgotten) return take(frame);
    if (this.#before) return take(this.#before.strip(frame, id));
    this.#waiting.push(() => this.strip(frame, id, take));
  }

  /** The injector walked the queue. */
  forget(): void {
    this.#forgotten = true;
    this.#before?.forget();
    this.#release();
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }
}
