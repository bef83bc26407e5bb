/**
 * Opens the queue for one worker. A worker gets the parts that its work needs: a filter only reads, a router also records
 * outcomes, an acceptor or a bounce maker writes messages. All of them may run at once on one queue.
 */
import fs from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Outcome } from '../mail/outcome.ts';
import { errorCode, errorText } from '../base/text.ts';
import { Committer } from './committer.ts';
import { createDisk, exists, type Disk } from './disk.ts';
import { MessageDraft } from './draft.ts';
import { parseHandle } from './handle.ts';
import {
  bucketFolder,
  corruptPath,
  deletedPath,
  folder,
  FOLDERS,
  messagePath,
  segmentPath,
  temporaryPath,
  type Layout,
} from './layout.ts';
import { OutcomeJournal } from './outcome-journal.ts';
import { LatelyRead } from './lately-read.ts';
import { createIdSource, isQueueId } from './queue-id.ts';
import { MessageReader } from './read-message.ts';
import { Room } from './room.ts';
import type { Draft, Handle, QueueId, ReadResult, Store } from './store.ts';
import { AlreadyInTree, placeInTree } from './tree.ts';

/** What the queue needs to know of the configuration. */
export interface QueueSettings {
  readonly split: number;
  /** Bytes up to which a message is gathered in memory. */
  readonly inline: number;
  /** Bytes and milliseconds after which a journal segment is closed. */
  readonly segment: number;
  readonly segmentAge: number;
  /** Least free bytes and inodes for new mail. */
  readonly freeSpace: number;
  readonly freeInodes: number;
}

export interface StoreLog {
  warn(event: string, fields?: Record<string, unknown>): void;
  error(event: string, fields?: Record<string, unknown>): void;
}

export interface OpenStoreOptions {
  readonly config: { readonly queue: QueueSettings };
  /** A reader makes no folders and asks no file system for room. */
  readonly role: 'writer' | 'recorder' | 'reader' | 'command';
  /** Names what this process writes; unique for the life of the queue, as `acceptor-3-mi5x8k2a`. */
  readonly worker: string;
  readonly log: StoreLog;
  /** Folder of the queue, default `queue` in the working directory. */
  readonly dir?: string;
  /**
   * A segment that this process wrote will get no more records. `segment` is `journal/NAME` or `outcome/NAME`; `finished`
   * are ordinals that hold nothing to deliver; `total` 0 adds ordinals to a segment that was reported before.
   * For outcomes `total` is 1 when they must be folded into state files, else 0.
   */
  readonly onSegmentClosed?: (segment: string, total: number, finished: readonly number[]) => void;
  /** For tests that make steps fail. */
  readonly disk?: Disk;
}

/**
 * Makes the queue's folders where they are missing, durably: also the queue's own name, which the supervisor made or another
 * worker is just making. A file in a folder without a durable name is not durable either.
 */
async function createQueue(dir: string): Promise<void> {
  const disk = createDisk();
  for (const name of FOLDERS) await fs.mkdir(`${dir}/${name}`, { recursive: true, mode: 0o700 });
  await disk.syncFolder(dir);
  await disk.syncFolder(dirname(dir));
}

export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const dir = options.dir ?? 'queue';
  const store = new FileStore(options, { root: dir, split: options.config.queue.split });
  if (options.role === 'reader') return store;
  await createQueue(dir);
  await store.room.refresh();
  return store;
}

/** Counts the files that were moved into the tree, over all stores of this process. */
let lastMove = 0;

class FileStore implements Store {
  readonly nextId: () => QueueId = createIdSource();
  readonly room: Room;
  readonly #options: OpenStoreOptions;
  readonly #layout: Layout;
  readonly #disk: Disk;
  readonly #committer: Committer;
  readonly #outcomes: OutcomeJournal;
  readonly #reader: MessageReader;
  readonly #lately = new LatelyRead();

  constructor(options: OpenStoreOptions, layout: Layout) {
    const { worker, log } = options;
    const { queue } = options.config;
    const closed = options.onSegmentClosed ?? ((): void => undefined);
    this.#options = options;
    this.#layout = layout;
    this.#disk = options.disk ?? createDisk();
    this.room = new Room({ path: layout.root, freeSpace: queue.freeSpace, freeInodes: queue.freeInodes });
    const common = { disk: this.#disk, layout, worker, nextId: this.nextId };
    this.#committer = new Committer({
      ...common,
      inlineBytes: queue.inline,
      segmentBytes: queue.segment,
      segmentAge: queue.segmentAge,
      onSegmentClosed: (name, total, finished) => closed(`journal/${name}`, total, finished),
      onFull: () => this.room.noteFull(),
    });
    this.#outcomes = new OutcomeJournal({
      ...common,
      onClosed: (name, folding) => closed(`outcome/${name}`, folding, []),
      onTrouble: (why) => log.error('outcome-journal', { why }),
    });
    this.#reader = new MessageReader({
      disk: this.#disk,
      layout,
      inlineBytes: queue.inline,
      setAside: (path, why) => this.#setAside(path, why),
    });
  }

  draft(id: QueueId): Draft {
    return new MessageDraft(id, this.#committer);
  }

  async read(handle: Handle): Promise<ReadResult> {
    const result = await this.#reader.read(handle);
    if (result.kind === 'found') this.#lately.note(result.message);
    return result;
  }

  async writeReplacement(handle: Handle, content: Uint8Array): Promise<void> {
    const parsed = parseHandle(handle);
    if (!parsed) throw new TypeError(`not a handle: ${handle}`);
    const path = this.#committer.replacementPath(parsed.id);
    await this.#disk.unlink(path);
    const file = await this.#disk.create(path);
    try {
      await this.#disk.writeAt(file, [content], 0);
    } finally {
      await file.close();
    }
  }

  record(handle: Handle, outcomes: readonly Outcome[]): Promise<void> {
    return this.#outcomes.record(handle, outcomes, this.#lately.areWhole(handle, outcomes));
  }

  async moveToTree(handle: Handle): Promise<boolean> {
    const parsed = parseHandle(handle);
    if (!parsed?.journal) return false;
    // Each time that it is deferred again.
    if (await exists(messagePath(this.#layout, parsed.id))) {
      await this.#syncPlace(parsed.id);
      return true;
    }
    const raw = await this.#reader.rawRecord(parsed.journal);
    if (!raw) return false;
    await this.writeToTree(parsed.id, raw);
    return true;
  }

  /** Puts a whole record into the tree; one that is there already stays. */
  async writeToTree(id: QueueId, raw: Buffer): Promise<void> {
    // Two lanes may move parts of one message at the same time: each writes a file of its own.
    lastMove += 1;
    const path = temporaryPath(this.#layout, `${id}.${this.#options.worker}.move${lastMove}`);
    try {
      await this.#writeDurably(path, raw);
      // An operator may delete it at this moment: then it must not be in the tree again.
      const deleted = deletedPath(this.#layout, id);
      await placeInTree({ disk: this.#disk, layout: this.#layout }, id, path, deleted);
    } catch (error) {
      await this.#disk.unlink(path);
      if (!(error instanceof AlreadyInTree)) throw error;
      await this.#syncPlace(id);
    }
  }

  /** It may have been placed a moment ago by another worker, whose syncs of the folders are still under way. */
  async #syncPlace(id: QueueId): Promise<void> {
    await this.#disk.syncFolder(folder(this.#layout, 'mess'));
    await this.#disk.syncFolder(bucketFolder(this.#layout, id));
  }

  async #writeDurably(path: string, bytes: Buffer): Promise<void> {
    const file = await this.#disk.create(path);
    try {
      await this.#disk.writeAt(file, [bytes], 0);
      await this.#disk.datasync(file);
    } finally {
      await file.close();
    }
  }

  hasRoom(): boolean {
    return this.room.hasRoom();
  }

  async close(): Promise<void> {
    await this.#committer.close();
    await this.#outcomes.close();
    await this.#reader.close();
  }

  async #setAside(path: string, why: string): Promise<void> {
    await setAside({ layout: this.#layout, disk: this.#disk, log: this.#options.log }, path, why);
  }
}

/** Moves an unreadable file to the corrupt folder: counted and reported, never deleted, never fatal. */
export async function setAside(
  options: { readonly layout: Layout; readonly disk: Disk; readonly log: StoreLog },
  path: string,
  why: string,
): Promise<void> {
  const own = path.slice(path.lastIndexOf('/') + 1);
  const name = `${Date.now()}.${own}`.slice(0, 200);
  try {
    await moveAside(options, path, corruptPath(options.layout, name));
    const id = isQueueId(own) ? { id: own } : {};
    options.log.error('corrupt', { ...id, file: path, why, kept: `corrupt/${name}` });
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') options.log.error('corrupt', { file: path, why, kept: errorText(error) });
  }
}

/** With its new name durable before the old one goes. What cannot have two names is no file of ours, and is renamed. */
async function moveAside({ disk, layout }: { disk: Disk; layout: Layout }, from: string, to: string): Promise<void> {
  try {
    await disk.link(from, to);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw error;
    return disk.rename(from, to);
  }
  await disk.syncFolder(folder(layout, 'corrupt'));
  await disk.unlink(from);
}

/** Removes a segment file that nothing needs any more. `segment` is `journal/NAME` or `outcome/NAME`. */
export async function removeSegment(disk: Disk, layout: Layout, segment: string): Promise<void> {
  const [kind, name] = segment.split('/');
  if ((kind !== 'journal' && kind !== 'outcome') || name === undefined)
    throw new TypeError(`not a segment: ${segment}`);
  await disk.unlink(segmentPath(layout, kind, name));
}
