/**
 * Walks everything in the queue, as the injector and the commands see it: journals in sequence first, because what is there is
 * recent and small, then the tree, oldest first. In memory is one segment, or one message of the tree, at a time.
 */
import fs from 'node:fs/promises';
import type { Envelope } from '../mail/envelope.ts';
import type { Outcome } from '../mail/outcome.ts';
import { errorCode, errorText } from '../base/text.ts';
import { createDisk, isForeign, type Disk, exists } from './disk.ts';
import { foldOutcomes, type RecipientState } from './fold.ts';
import { journalHandle, treeHandle } from './handle.ts';
import { deletedPath, folder, messagePath, statePath, type Layout } from './layout.ts';
import { listSegments, readSegment, type SegmentFiles } from './known-outcomes.ts';
import { OutcomeLookup } from './outcome-lookup.ts';
import { isQueueId } from './queue-id.ts';
import { readHead } from './read-message.ts';
import { scanSegment } from './scan-segment.ts';
import type { Handle, QueueId } from './store.ts';
import { treeIds } from './tree-ids.ts';

/** A message in the queue and where each of its recipients stands. */
export interface QueuedMessage {
  readonly id: QueueId;
  readonly handle: Handle;
  readonly envelope: Envelope;
  /** Bytes of content. */
  readonly size: number;
  readonly where: 'journal' | 'tree' | 'deleted';
  /** Recipients that need something, without those that are done. */
  readonly recipients: readonly RecipientState[];
}

/** One segment of the message journal with what is left to do in it. */
export interface WalkedSegment {
  readonly segment: string;
  readonly total: number;
  /** Its writer closed it: no record will follow. */
  readonly sealed: boolean;
  /** Ordinals of messages that are finished. */
  readonly finished: readonly number[];
  /** Ordinals that hold nothing to deliver as things stand: accept records, messages not accepted, damaged records. */
  readonly empty: readonly number[];
  readonly messages: readonly { readonly ordinal: number; readonly message: QueuedMessage }[];
}

export interface WalkOptions {
  readonly dir?: string;
  readonly split: number;
  readonly disk?: Disk;
  /** Ids of the tree that are gathered at a time. */
  readonly batch?: number;
  /** Called for files that cannot be read as messages. */
  readonly onCorrupt?: (path: string, why: string, bytes?: Buffer) => void | Promise<void>;
}

/** Largest content in a journal: more than any `queue.inline` that the configuration allows. */
const MAX_INLINE = 64 * 1024 * 1024;

export class QueueWalk {
  readonly layout: Layout;
  readonly disk: Disk;
  readonly #options: WalkOptions;
  #known: OutcomeLookup | undefined;

  constructor(options: WalkOptions) {
    this.#options = options;
    this.layout = { root: options.dir ?? 'queue', split: options.split };
    this.disk = options.disk ?? createDisk();
  }

  /** Reads the outcome journals; call it before the walks. */
  readOutcomes(): Promise<void> {
    this.close();
    this.#known = new OutcomeLookup(this.#files());
    return this.#known.read(MAX_INLINE);
  }

  /** Lets go of what is open; the outcomes stay known. */
  close(): void {
    this.#known?.close();
  }

  /** The message journals, a segment at a time, oldest first. `wanted` chooses segments by name. */
  async *segments(wanted: (name: string) => boolean = () => true): AsyncGenerator<WalkedSegment> {
    for (const name of await listSegments(this.layout, 'journal')) {
      if (wanted(name)) yield await this.segment(name);
    }
  }

  async segment(name: string): Promise<WalkedSegment> {
    const found = new Map<number, QueuedMessage>();
    const staged = new Map<number, QueuedMessage>();
    let total = 0;
    let sealed = false;
    for await (const scanned of readSegment(this.#files(), 'journal', { name, maxContent: MAX_INLINE })) {
      if (scanned.kind === 'end') {
        const what = scanned.rest ? 'damage before records' : 'torn tail';
        if (scanned.left > 0) await this.#options.onCorrupt?.(name, `${what}: ${scanned.left} bytes`, scanned.rest);
        break;
      }
      if (scanned.kind === 'record' && scanned.record.kind === 'end') {
        sealed = true;
        continue;
      }
      const ordinal = total;
      total += 1;
      if (scanned.kind === 'damaged') {
        await this.#options.onCorrupt?.(name, `damaged record at ${scanned.offset}`, scanned.raw);
        continue;
      }
      const { record, offset, length } = scanned;
      if (record.kind === 'accept') acceptStaged(record.ordinal, staged, found);
      if (record.kind !== 'message') continue;
      const handle = journalHandle(record.id, { segment: name, ordinal, offset, length });
      const outcomes = this.#knownOf(record.id);
      const message = makeMessage(record, { handle, where: 'journal', outcomes });
      (record.staged ? staged : found).set(ordinal, message);
    }
    const unfinished = [...found].filter(([, message]) => isUnfinished(message));
    const messages = unfinished.map(([ordinal, message]) => ({ ordinal, message }));
    const finished = [...found].filter(([, message]) => !isUnfinished(message)).map(([ordinal]) => ordinal);
    const empty = Array.from({ length: total }, (_, ordinal) => ordinal).filter((ordinal) => !found.has(ordinal));
    return { segment: name, total, sealed, finished, empty, messages };
  }

  /** Everything in the hashed tree, oldest first; finished messages too: those have no recipients left and wait for removal. */
  async *tree(): AsyncGenerator<QueuedMessage> {
    const onForeign = (path: string): void | Promise<void> => this.#options.onCorrupt?.(path, 'no name of a message');
    for await (const id of treeIds(this.layout, { batch: this.#options.batch, onForeign })) {
      const message = await this.treeMessage(id);
      if (message) yield message;
    }
  }

  /** The deleted queue. */
  async *deleted(): AsyncGenerator<QueuedMessage> {
    for (const name of await listFolder(folder(this.layout, 'deleted'))) {
      if (!isQueueId(name)) continue;
      const paths = { message: deletedPath(this.layout, name), state: deletedPath(this.layout, name, true) };
      const message = await this.#readMessage(name, paths);
      if (message) yield { ...message, where: 'deleted' };
    }
  }

  /** Where the message has a file of its own, if it has: its record in a journal counts no more then. */
  async fileOf(id: QueueId): Promise<'tree' | 'deleted' | undefined> {
    if (await exists(messagePath(this.layout, id))) return 'tree';
    return (await exists(deletedPath(this.layout, id))) ? 'deleted' : undefined;
  }

  /** One message of the tree, or undefined when it is gone or unreadable. */
  treeMessage(id: QueueId): Promise<QueuedMessage | undefined> {
    return this.#readMessage(id, { message: messagePath(this.layout, id), state: statePath(this.layout, id) });
  }

  async #readMessage(id: QueueId, paths: { message: string; state: string }): Promise<QueuedMessage | undefined> {
    let file;
    try {
      file = await this.disk.open(paths.message);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      if (!isForeign(error)) throw error;
      await this.#options.onCorrupt?.(paths.message, errorText(error));
      return undefined;
    }
    try {
      const { size } = await file.stat();
      const head = await readHead(file, size);
      if (!head || head.record.id !== id || size - head.contentAt !== head.record.length) {
        await this.#options.onCorrupt?.(paths.message, 'torn, foreign or damaged');
        return undefined;
      }
      // In this order: outcomes go from the journals into the state file, and only then their journal goes.
      const known = this.#knownOf(id);
      const told = await this.#readState(paths.state);
      return makeMessage(head.record, { handle: treeHandle(id), where: 'tree', outcomes: [...told, ...known] });
    } finally {
      await file.close();
    }
  }

  async #readState(path: string): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    let file;
    try {
      file = await this.disk.open(path);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return outcomes;
      // Without its outcomes the message would be delivered again: better not at all for now.
      if (!isForeign(error)) throw error;
      await this.#options.onCorrupt?.(path, errorText(error));
      return outcomes;
    }
    try {
      for await (const scanned of scanSegment(file, 0)) {
        if (scanned.kind === 'record' && scanned.record.kind === 'outcomes') outcomes.push(...scanned.record.outcomes);
      }
    } finally {
      await file.close();
    }
    return outcomes;
  }

  #knownOf(id: QueueId): readonly Outcome[] {
    return this.#known?.of(id) ?? [];
  }

  #files(): SegmentFiles {
    return {
      disk: this.disk,
      layout: this.layout,
      onTrouble: (file, why) => void this.#options.onCorrupt?.(file, why),
    };
  }
}

export function isUnfinished(message: QueuedMessage): boolean {
  return message.recipients.length > 0;
}

function makeMessage(
  record: { readonly id: QueueId; readonly envelope: Envelope; readonly length: number },
  found: { readonly handle: Handle; readonly where: 'journal' | 'tree'; readonly outcomes: readonly Outcome[] },
): QueuedMessage {
  const { id, envelope, length } = record;
  const recipients = foldOutcomes(envelope, found.outcomes).filter((recipient) => recipient.state !== 'done');
  return { id, handle: found.handle, envelope, size: length, where: found.where, recipients };
}

function acceptStaged(ordinal: number, staged: Map<number, QueuedMessage>, found: Map<number, QueuedMessage>): void {
  const message = staged.get(ordinal);
  if (message) found.set(ordinal, message);
}

async function listFolder(path: string): Promise<string[]> {
  try {
    return (await fs.readdir(path)).sort();
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}

/** Unfinished messages of journals and tree; a message that is in both is told once, from the tree. */
export async function* walkQueue(options: WalkOptions): AsyncGenerator<QueuedMessage> {
  const walk = new QueueWalk(options);
  await walk.readOutcomes();
  for await (const { messages } of walk.segments()) {
    for (const { message } of messages) if ((await walk.fileOf(message.id)) === undefined) yield message;
  }
  for await (const message of walk.tree()) if (isUnfinished(message)) yield message;
  walk.close();
}

/** The deleted queue, oldest first. */
export async function* walkDeleted(options: WalkOptions): AsyncGenerator<QueuedMessage> {
  const walk = new QueueWalk(options);
  await walk.readOutcomes();
  yield* walk.deleted();
  walk.close();
}
