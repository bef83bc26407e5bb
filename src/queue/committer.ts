/**
 * Puts messages into the queue, durably: small ones into this worker's journal, large and held ones into the tree.
 */
import type { Envelope } from '../mail/envelope.ts';
import { crc32 } from 'node:zlib';
import { slices } from '../base/slices.ts';
import { AppendLog, SegmentEnded, type Appended } from './append-log.ts';
import { asStorageError, type Disk } from './disk.ts';
import { journalHandle, stagedHandle, treeHandle } from './handle.ts';
import { LargeFile } from './large-file.ts';
import { folder, segmentName, temporaryPath, type Layout } from './layout.ts';
import { acceptLine, endLine, messageLine, outcomeLines } from './record.ts';
import type { Handle, QueueId } from './store.ts';
import { AlreadyInTree, appendState, placeInTree, removeFromTree } from './tree.ts';

export interface CommitterOptions {
  readonly disk: Disk;
  readonly layout: Layout;
  readonly worker: string;
  readonly nextId: () => QueueId;
  readonly inlineBytes: number;
  readonly segmentBytes: number;
  readonly segmentAge: number;
  /** A segment holds `total` messages; those in `finished` were never accepted. */
  readonly onSegmentClosed: (segment: string, total: number, finished: readonly number[]) => void;
  readonly onFull: () => void;
}

interface NewRecord {
  readonly id: QueueId;
  readonly envelope: Envelope;
  readonly chunks: readonly Uint8Array[];
  readonly staged: boolean;
}

/** Told of at a time: they cross to the scheduler in one frame. */
const ORDINALS = 50_000;

export class Committer {
  readonly inlineBytes: number;
  readonly #options: CommitterOptions;
  readonly #journal: AppendLog;
  /** Ordinals that hold nothing to deliver, by segment: staged and not accepted, and accept records themselves. */
  readonly #empty = new Map<string, number[]>();
  #lastFile = 0;

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.inlineBytes = options.inlineBytes;
    this.#journal = new AppendLog({
      disk: options.disk,
      folder: folder(options.layout, 'journal'),
      nextName: () => segmentName(options.nextId(), options.worker),
      maxBytes: options.segmentBytes,
      maxAge: options.segmentAge,
      trailer: endLine,
      onClosed: (segment, records) => this.#closed(segment, records),
    });
  }

  newLargeFile(id: QueueId): LargeFile {
    // A filter may have changed the message: its old and its new content are files at the same time.
    this.#lastFile += 1;
    const name = `${id}.${this.#options.worker}.${this.#lastFile}`;
    return new LargeFile(this.#options.disk, temporaryPath(this.#options.layout, name));
  }

  /** Streams a chunk; after a failure nothing is left of the file. */
  async writeLarge(file: LargeFile, chunk: Uint8Array): Promise<void> {
    try {
      await this.#guard(file.write(chunk));
    } catch (error) {
      await file.discard();
      throw error;
    }
  }

  handleAt(id: QueueId, place: Appended): Handle {
    return journalHandle(id, place);
  }

  /** Appends to the journal; durable unless staged. */
  async append(record: NewRecord): Promise<Appended> {
    const { id, envelope, chunks, staged } = record;
    let length = 0;
    let sum = 0;
    for (const chunk of chunks) {
      length += chunk.length;
      sum = crc32(chunk, sum);
    }
    const line = messageLine({ id, envelope, length, staged }, sum);
    return this.#guard(this.#journal.append([line, ...chunks], { sync: !staged }));
  }

  /** Accepts a staged record, durably. False when its segment was closed meanwhile: append it again then. */
  async accept(staged: Appended): Promise<boolean> {
    try {
      const options = { sync: true, within: staged.segment };
      const place = await this.#guard(this.#journal.append([acceptLine(staged.ordinal)], options));
      this.abandonStaged(place);
      return true;
    } catch (error) {
      if (error instanceof SegmentEnded) return false;
      this.abandonStaged(staged);
      throw error;
    }
  }

  /** Notes that this ordinal of a segment holds nothing to deliver. */
  abandonStaged(place: Appended): void {
    const { onSegmentClosed } = this.#options;
    const list = this.#empty.get(place.segment);
    if (list) list.push(place.ordinal);
    else if (place.segment === this.#journal.segment) this.#empty.set(place.segment, [place.ordinal]);
    // The segment was closed and reported already: report this one too.
    else onSegmentClosed(place.segment, 0, [place.ordinal]);
  }

  async stageLarge(id: QueueId, file: LargeFile, envelope: Envelope): Promise<Handle> {
    await this.#guard(file.finish({ id, envelope, staged: true }, false));
    return stagedHandle(id, file.path.slice(file.path.indexOf('.', file.path.lastIndexOf('/')) + 1));
  }

  async commitLarge(id: QueueId, file: LargeFile, envelope: Envelope): Promise<Handle> {
    try {
      await this.#guard(file.finish({ id, envelope, staged: false }, true));
      await file.close();
      await this.#guard(placeInTree(this.#options, id, file.path));
    } catch (error) {
      // Its name may be there, only not durably: the client hears no, so it must not come to life later.
      if (!(error instanceof AlreadyInTree)) await removeFromTree(this.#options, id);
      await file.discard();
      throw error;
    }
    return treeHandle(id);
  }

  /** Commits into the tree with a state file that says held, in place before the message is. */
  async commitHeld(id: QueueId, file: LargeFile, how: { envelope: Envelope; why: string }): Promise<Handle> {
    const recipients = how.envelope.recipients.map((recipient) => recipient.address);
    const lines = outcomeLines(id, [{ state: 'held', recipients, at: Date.now(), why: how.why }]);
    try {
      await this.#guard(appendState(this.#options, id, lines));
    } catch (error) {
      await file.discard();
      await removeFromTree(this.#options, id);
      throw error;
    }
    return this.commitLarge(id, file, how.envelope);
  }

  replacementPath(id: QueueId): string {
    return temporaryPath(this.#options.layout, `${id}.replacement`);
  }

  async *openReplacement(id: QueueId): AsyncGenerator<Uint8Array> {
    const file = await this.#options.disk.open(this.replacementPath(id));
    yield* file.createReadStream({ highWaterMark: 256 * 1024 });
  }

  async dropReplacement(id: QueueId): Promise<void> {
    await this.#options.disk.unlink(this.replacementPath(id));
  }

  close(): Promise<void> {
    return this.#journal.close();
  }

  #closed(segment: string, records: number): void {
    const empty = this.#empty.get(segment) ?? [];
    this.#empty.delete(segment);
    const pieces = slices(empty, ORDINALS);
    const last = pieces.pop() ?? [];
    for (const some of pieces) this.#options.onSegmentClosed(segment, 0, some);
    this.#options.onSegmentClosed(segment, records, last);
  }

  async #guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      const reason = asStorageError(error);
      if (reason.name === 'StorageFull') this.#options.onFull();
      throw reason;
    }
  }
}
