/**
 * Removals that the scheduler orders, in the background: bounded in number at a time, reported when they fail. None is done
 * before the log has the lines of what is removed: until then it is all that a crash would leave to tell of it.
 *
 * What says that a message is finished goes last: its state file once the removal of the message is durable, an outcome segment
 * once every removal before it is. A file that a crash brings back meets its outcomes, so nothing is delivered again. So does one
 * that could not be removed: as long as there are such, they are tried again, and outcome segments stay.
 */
import { existsSync } from 'node:fs';
import { errorCode, errorText } from '../base/text.ts';
import type { Logger } from '../log/logger.ts';
import { createDisk, isThere } from './disk.ts';
import {
  allBuckets,
  bucketFolder,
  deletedPath,
  folder,
  messagePath,
  segmentPath,
  statePath,
  type Layout,
} from './layout.ts';
import { removeSegment, type StoreLog } from './open-store.ts';
import type { QueueId } from './store.ts';

export type HousekeepingLog = StoreLog & Pick<Logger, 'flush'>;

const AT_ONCE = 4;
/** How often, and how long each time, in ms, removals wait for the log. Nobody waits for a removal, but at the end. */
const LOG_TRIES = 30;
const LOG_MS = 1000;
/** Removals that failed and are tried again. When there are more the disk is no good: all is left to the next injector. */
const MOST_FAILED = 10_000;

export class Housekeeping {
  readonly #layout: Layout;
  readonly #log: HousekeepingLog;
  readonly #disk = createDisk();
  /** Asked for, and not in the log for all we know. */
  #asked: (() => Promise<void>)[] = [];
  #logging: Promise<void> | undefined;
  readonly #waiting: (() => Promise<void>)[] = [];
  /** Folders with removals that are not durable. At first all: whoever worked here before may have left some. */
  #unsynced: Set<string>;
  #syncing: Promise<void> = Promise.resolve();
  /** Removals under way, which a sync now would miss. */
  readonly #removals = new Set<Promise<void>>();
  /** Removals that failed. */
  readonly #failed = new Set<() => Promise<void>>();
  #givenUp = false;
  /** Outcome segments that nothing needs but what was not removed yet. */
  readonly #outcomes = new Set<string>();
  /** Messages that are removed, and whose state files are left. */
  #companions: QueueId[] = [];
  #running = 0;
  #finishing = false;
  #onIdle: (() => void) | undefined;

  constructor(layout: Layout, log: HousekeepingLog) {
    this.#layout = layout;
    this.#log = log;
    this.#unsynced = new Set([folder(layout, 'journal'), ...allBuckets(layout)]);
  }

  /** A finished message leaves the tree. */
  removeMessage(id: string): void {
    this.#add(() => this.#removeMessage(id as QueueId));
  }

  /** A segment that nothing needs any more: `journal/NAME` or `outcome/NAME`. */
  removeSegment(segment: string): void {
    const work = (): Promise<void> => removeSegment(this.#disk, this.#layout, segment);
    if (segment.startsWith('journal/')) return this.#add(() => this.#remove(folder(this.#layout, 'journal'), work));
    // Noted when its turn comes: then every removal that was asked for before is done, or under way.
    this.#add(() => {
      this.#outcomes.add(segment);
      return this.#removeOutcomes();
    });
  }

  segmentExists(name: string): boolean {
    return existsSync(segmentPath(this.#layout, 'journal', name));
  }

  /** In the deleted queue; what a crash left in both is in the tree. */
  isDeleted(id: string): boolean {
    const inTree = existsSync(messagePath(this.#layout, id as QueueId));
    return !inTree && existsSync(deletedPath(this.#layout, id as QueueId));
  }

  /** Resolves when all removals asked for are done. */
  async finish(): Promise<void> {
    this.#finishing = true;
    while (this.#logging || this.#running > 0) {
      await this.#logging;
      if (this.#running > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    }
  }

  async #removeMessage(id: QueueId): Promise<void> {
    await this.#remove(bucketFolder(this.#layout, id), async () => {
      // A crash in a deletion may have left it there too.
      const deleted = deletedPath(this.#layout, id);
      if (isThere(deleted)) await this.#disk.unlink(deleted);
      await this.#disk.unlink(messagePath(this.#layout, id));
    });
    if (!isThere(statePath(this.#layout, id))) return;
    this.#companions.push(id);
    // Behind the removals that wait now: one sync of a folder serves them all.
    if (this.#companions.length === 1) this.#add(() => this.#removeCompanions());
  }

  async #removeCompanions(): Promise<void> {
    const ids = this.#companions;
    this.#companions = [];
    await this.#syncRemovals();
    for (const id of ids) await this.#disk.unlink(statePath(this.#layout, id));
  }

  async #removeOutcomes(): Promise<void> {
    const segments = [...this.#outcomes];
    await this.#syncRemovals();
    await this.#retryFailed();
    for (const segment of segments) {
      this.#outcomes.delete(segment);
      await removeSegment(this.#disk, this.#layout, segment);
    }
  }

  async #remove(from: string, work: () => Promise<void>): Promise<void> {
    const removal = work().finally(() => {
      this.#removals.delete(removal);
      this.#unsynced.add(from);
    });
    this.#removals.add(removal);
    try {
      await removal;
    } catch (error) {
      if (this.#failed.size < MOST_FAILED) this.#failed.add(() => this.#remove(from, work));
      else this.#givenUp = true;
      throw error;
    }
  }

  /** Rejects as long as something cannot be removed. */
  async #retryFailed(): Promise<void> {
    if (this.#givenUp) throw new Error('too much could not be removed: outcomes stay until the next start');
    const works = [...this.#failed];
    if (works.length === 0) return;
    this.#failed.clear();
    const results = await Promise.allSettled(works.map((work) => work()));
    const failed = results.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
    await this.#syncRemovals();
  }

  /** One at a time: who comes while another's syncs are under way must not go ahead of them. */
  #syncRemovals(): Promise<void> {
    const syncing = this.#syncing.then(() => this.#syncOnce());
    this.#syncing = syncing.catch(() => undefined);
    return syncing;
  }

  async #syncOnce(): Promise<void> {
    await Promise.allSettled(this.#removals);
    const folders = this.#unsynced;
    this.#unsynced = new Set();
    try {
      for (const one of folders) await this.#syncIfThere(one);
    } catch (error) {
      for (const one of folders) this.#unsynced.add(one);
      throw error;
    }
  }

  async #syncIfThere(one: string): Promise<void> {
    try {
      await this.#disk.syncFolder(one);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
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
