/**
 * Removals that the scheduler orders, in the background: bounded in number at a time, reported when they fail. None is done
 * before the log has the lines of what is removed: until then it is all that a crash would leave to tell of it.
 */
import { existsSync } from 'node:fs';
import { errorText } from '../base/text.ts';
import type { Logger } from '../log/logger.ts';
import { createDisk } from './disk.ts';
import { segmentPath, type Layout } from './layout.ts';
import { removeSegment, type StoreLog } from './open-store.ts';
import type { QueueId } from './store.ts';
import { removeFromTree } from './tree.ts';

export type HousekeepingLog = StoreLog & Pick<Logger, 'flush'>;

const AT_ONCE = 4;
/** How often, and how long each time, in ms, removals wait for the log. Nobody waits for a removal, but at the end. */
const LOG_TRIES = 30;
const LOG_MS = 1000;

export class Housekeeping {
  readonly #layout: Layout;
  readonly #log: HousekeepingLog;
  readonly #disk = createDisk();
  /** Asked for, and not in the log for all we know. */
  #asked: (() => Promise<void>)[] = [];
  #logging: Promise<void> | undefined;
  readonly #waiting: (() => Promise<void>)[] = [];
  #running = 0;
  #finishing = false;
  #onIdle: (() => void) | undefined;

  constructor(layout: Layout, log: HousekeepingLog) {
    this.#layout = layout;
    this.#log = log;
  }

  /** A finished message leaves the tree. */
  removeMessage(id: string): void {
    this.#add(() => removeFromTree({ disk: this.#disk, layout: this.#layout }, id as QueueId));
  }

  /** A segment that nothing needs any more: `journal/NAME` or `outcome/NAME`. */
  removeSegment(segment: string): void {
    this.#add(() => removeSegment(this.#disk, this.#layout, segment));
  }

  segmentExists(name: string): boolean {
    return existsSync(segmentPath(this.#layout, 'journal', name));
  }

  /** Resolves when all removals asked for are done. */
  async finish(): Promise<void> {
    this.#finishing = true;
    await this.#logging;
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  #add(work: () => Promise<void>): void {
    this.#asked.push(work);
    this.#logging ??= this.#begin().finally(() => (this.#logging = undefined));
  }

  async #begin(): Promise<void> {
    while (this.#asked.length > 0) {
      // Whoever asks says in the same turn why.
      await Promise.resolve();
      const logged = this.#asked;
      this.#asked = [];
      await this.#logged();
      for (const work of logged) this.#waiting.push(work);
      while (this.#waiting.length > 0 && this.#running < AT_ONCE) void this.#run();
    }
  }

  async #logged(): Promise<void> {
    for (let tries = 0; tries < LOG_TRIES; tries += 1) {
      if ((await this.#log.flush(LOG_MS)) || this.#finishing) return;
    }
  }

  async #run(): Promise<void> {
    this.#running += 1;
    for (let work = this.#waiting.shift(); work; work = this.#waiting.shift()) {
      // A file that stays is found finished by the next injector, and removed then.
      await work().catch((error: unknown) => this.#log.error('removal-failed', { why: errorText(error) }));
    }
    this.#running -= 1;
    if (this.#running === 0) this.#onIdle?.();
  }
}
