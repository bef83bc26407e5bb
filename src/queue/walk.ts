/**
 * Walks everything in the queue, as the injector and the commands see it: journals in sequence first, because what is there is
 * recent and small, then the tree, bucket by bucket, oldest first within each. One message in memory at a time.
 */
import fs from 'node:fs/promises';
import type { Envelope } from '../mail/envelope.ts';
import type { Outcome } from '../mail/outcome.ts';
import { errorCode, errorText } from '../base/text.ts';
import { createDisk, isForeign, type Disk, exists } from './disk.ts';
import { foldOutcomes, type RecipientState } from './fold.ts';
import { journalHandle, treeHandle } from './handle.ts';
import { deletedPath, folder, messagePath, parseSegmentName, statePath, type Layout } from './layout.ts';
import { listSegments, readKnownOutcomes, readSegment, type SegmentFiles } from './known-outcomes.ts';
import { isQueueId } from './queue-id.ts';
import { readHead } from './read-message.ts';
import { scanSegment } from './scan-segment.ts';
import type { Handle, QueueId } from './store.ts';

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
  /** Ordinals of messages that are finished, and their ids. */
  readonly finished: readonly number[];
  readonly finishedIds: readonly QueueId[];
  /** Ordinals that hold nothing to deliver as things stand: accept records, messages not accepted, damaged records. */
  readonly empty: readonly number[];
  readonly messages: readonly { readonly ordinal: number; readonly message: QueuedMessage }[];
}

export interface WalkOptions {
  readonly dir?: string;
  readonly split: number;
  readonly disk?: Disk;
  /** Called for files that cannot be read as messages. */
  readonly onCorrupt?: (path: string, why: string, bytes?: Buffer) => void | Promise<void>;
}

/** Largest content in a journal: more than any `queue.inline` that the configuration allows. */
const MAX_INLINE = 64 * 1024 * 1024;

export class QueueWalk {
  readonly layout: Layout;
  readonly disk: Disk;
  readonly #options: WalkOptions;
  #known = new Map<string, readonly Outcome[]>();

  constructor(options: WalkOptions) {
    this.#options = options;
    this.layout = { root: options.dir ?? 'queue', split: options.split };
    this.disk = options.disk ?? createDisk();
  }

  /** Reads the outcome journals; call it before the walks. */
  async readOutcomes(): Promise<void> {
    this.#known = await readKnownOutcomes(this.#files());
    for (const name of await listSegments(this.layout, 'journal')) {
      if (parseSegmentName(name)?.worker.startsWith('bounce') === true) await this.#readSettled(name);
    }
  }

  /** A bounce in a journal is also the outcome of what it reports, should its maker have died before it recorded that. */
  async #readSettled(name: string): Promise<void> {
    for await (const scanned of readSegment(this.#files(), 'journal', { name, maxContent: MAX_INLINE })) {
      if (scanned.kind !== 'record' || scanned.record.kind !== 'message' || scanned.record.staged) continue;
      const { settles, received } = scanned.record.envelope;
      if (!settles) continue;
      const before = this.#known.get(settles.id) ?? [];
      this.#known.set(settles.id, [...before, { state: 'bounced', recipients: settles.recipients, at: received }]);
    }
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
      const message = this.#message(record, handle, 'journal');
      (record.staged ? staged : found).set(ordinal, message);
    }
    const unfinished = [...found].filter(([, message]) => isUnfinished(message));
    const messages = unfinished.map(([ordinal, message]) => ({ ordinal, message }));
    const over = [...found].filter(([, message]) => !isUnfinished(message));
    const [finished, finishedIds] = [over.map(([ordinal]) => ordinal), over.map(([, { id }]) => id)];
    const empty = Array.from({ length: total }, (_, ordinal) => ordinal).filter((ordinal) => !found.has(ordinal));
    return { segment: name, total, sealed, finished, finishedIds, empty, messages };
  }

  /** Everything in the hashed tree, finished messages too: those have no recipients left and wait for removal. */
  async *tree(): AsyncGenerator<QueuedMessage> {
    const mess = folder(this.layout, 'mess');
    for (const bucket of await listFolder(mess)) {
      const names = await listFolder(`${mess}/${bucket}`);
      for (const name of names) {
        if (name.endsWith('.state') && isQueueId(name.slice(0, -6))) continue;
        const message = isQueueId(name) ? await this.treeMessage(name) : undefined;
        if (message) yield message;
        else if (!isQueueId(name)) await this.#options.onCorrupt?.(`${mess}/${bucket}/${name}`, 'no name of a message');
      }
    }
  }

  /** Ids of messages in the tree, by name alone. */
  async *treeIds(): AsyncGenerator<QueueId> {
    const mess = folder(this.layout, 'mess');
    for (const bucket of await listFolder(mess)) {
      for (const name of await listFolder(`${mess}/${bucket}`)) if (isQueueId(name)) yield name;
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
      const extra = await this.#readState(paths.state);
      return this.#message(head.record, treeHandle(id), 'tree', extra);
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

  #message(
    record: { readonly id: QueueId; readonly envelope: Envelope; readonly length: number },
    handle: Handle,
    where: 'journal' | 'tree',
    extra: readonly Outcome[] = [],
  ): QueuedMessage {
    const outcomes = [...extra, ...(this.#known.get(record.id) ?? [])];
    const recipients = foldOutcomes(record.envelope, outcomes).filter((recipient) => recipient.state !== 'done');
    return { id: record.id, handle, envelope: record.envelope, size: record.length, where, recipients };
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
}

/** The deleted queue, oldest first. */
export async function* walkDeleted(options: WalkOptions): AsyncGenerator<QueuedMessage> {
  const walk = new QueueWalk(options);
  await walk.readOutcomes();
  yield* walk.deleted();
}
