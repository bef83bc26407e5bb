/**
 * What was finished before is read when the first router hands something on, and not before the scheduler is at work: after a long time
 * without settling there are gigabytes of it, and a scheduler that is not ready in time is killed and begins anew. Only what routers
 * hand on waits for it. Until the walk ends, which is when nobody needs it any more, no outcome leaves the disk.
 */
import { pause } from '../base/deadline.ts';
import { errorText } from '../base/text.ts';
import type { Routed } from '../ipc/messages.ts';
import type { FinishedBefore } from './finished-before.ts';

const AGAIN_MS = 1000;

export class OnceRead {
  readonly #read: () => Promise<FinishedBefore>;
  readonly #onTrouble: (why: string) => void;
  #reading = false;
  #before: FinishedBefore | undefined;
  #forgotten = false;
  #waiting: (() => void)[] = [];

  /** As long as that rejects it is tried again, and routers wait: who cannot tell what is finished must not go on. */
  constructor(read: () => Promise<FinishedBefore>, onTrouble: (why: string) => void) {
    this.#read = read;
    this.#onTrouble = onTrouble;
  }

  /** Calls back with what is left of a frame, undefined when that is nothing: at once, or when all was read. */
  strip(frame: Routed, id: string, take: (left: Routed | undefined) => void): void {
    if (this.#forgotten) return take(frame);
    if (this.#before) return take(this.#before.strip(frame, id));
    this.#waiting.push(() => this.strip(frame, id, take));
    if (this.#reading) return;
    this.#reading = true;
    void this.#begin();
  }

  /** The injector walked the queue. */
  forget(): void {
    this.#forgotten = true;
    this.#before?.forget();
    this.#release();
  }

  /** Never rejects. */
  async #begin(): Promise<void> {
    while (!this.#before && !this.#forgotten) {
      try {
        this.#before = await this.#read();
      } catch (error) {
        this.#onTrouble(errorText(error));
        await pause(AGAIN_MS);
      }
    }
    if (this.#forgotten) this.#before?.forget();
    this.#release();
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }
}
