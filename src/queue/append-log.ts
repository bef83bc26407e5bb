/**
 * A journal that one process appends to, in segments, with group commit: everything that asks while a write or sync is
 * under way goes into the next one together. Where nobody waits long for an answer, writes and syncs keep a pace besides: what is
 * written survives the end of its process, and a sync of many records costs hardly more than that of one.
 *
 * A segment whose write or sync failed is cut back to its last good end and never used again: after a failed fsync nobody
 * knows what the kernel still holds. States of a segment: open → closed (by size, age, trouble or close()), never back.
 */
import type { FileHandle } from 'node:fs/promises';
import { asStorageError, type Disk } from './disk.ts';

export interface AppendLogOptions {
  readonly disk: Disk;
  /** Folder of the segments, synced when one is made. */
  readonly folder: string;
  /** Name of the next segment. */
  readonly nextName: () => string;
  /** Bytes after which a segment is closed. */
  readonly maxBytes: number;
  /** Milliseconds after which a segment with anything in it is closed. */
  readonly maxAge: number;
  readonly pace?: Pace;
  /** What is written behind the last record, so that a reader knows that none will follow. */
  readonly trailer: (records: number) => Buffer;
  /** A segment will get no more records. */
  readonly onClosed: (segment: string, records: number) => void;
}

/** How far apart writes and syncs begin at least, in ms. */
export interface Pace {
  readonly writeMs: number;
  readonly syncMs: number;
}

export interface Appended {
  readonly segment: string;
  /** Position of the record within its segment, counted from 0. */
  readonly ordinal: number;
  readonly offset: number;
  readonly length: number;
}

interface Written {
  readonly entry: Waiting;
  readonly place: Appended;
}

interface Waiting {
  readonly buffers: readonly Uint8Array[];
  readonly length: number;
  readonly sync: boolean;
  /** Must lie in this segment; fails when that one is closed. */
  readonly within: string | undefined;
  readonly resolve: (place: Appended) => void;
  readonly reject: (error: Error) => void;
}

interface Segment {
  readonly name: string;
  readonly file: FileHandle;
  size: number;
  records: number;
  /** Written, and to be answered when they are durable. */
  unsynced: Written[];
  readonly timer: NodeJS.Timeout;
}

/** The segment that a record had to follow was closed meanwhile. */
export class SegmentEnded extends Error {
  override readonly name = 'SegmentEnded';
}

/** Bytes that one write takes at most; the rest goes into the next. */
const MAX_BATCH = 8 * 1024 * 1024;
const NO_PACE: Pace = { writeMs: 0, syncMs: 0 };

export class AppendLog {
  readonly #options: AppendLogOptions;
  #waiting: Waiting[] = [];
  #segment: Segment | undefined;
  #working: Promise<void> | undefined;
  #expired = false;
  readonly #pace: Pace;
  /** When the last one began, monotonic ms. */
  #wroteAt = -Infinity;
  #syncedAt = -Infinity;
  /** Set while written records wait for their sync. */
  #syncTimer: NodeJS.Timeout | undefined;
  #syncDue = false;

  constructor(options: AppendLogOptions) {
    this.#options = options;
    this.#pace = options.pace ?? NO_PACE;
  }

  /** Name of the open segment, if one is. */
  get segment(): string | undefined {
    return this.#segment?.name;
  }

  /**
   * Appends one record made of these buffers. Resolves when it is written, with `sync` when it is durable; one without, in a log that
   * keeps a pace, may be cut off with another's failed sync.
   * Rejects with StorageFull or the disk's error; nothing of it remains then. With `within`, rejects with SegmentEnded when
   * that segment is not the open one any more.
   */
  append(buffers: readonly Uint8Array[], options: { sync: boolean; within?: string }): Promise<Appended> {
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ buffers, length, sync: options.sync, within: options.within, resolve, reject });
      this.#working ??= this.#work();
    });
  }

  /** Finishes what waits and closes the segment. */
  async close(): Promise<void> {
    while (this.#working) await this.#working;
    // Not beside the work: what is appended at this moment belongs to it.
    this.#expired = true;
    await (this.#working = this.#work());
  }

  async #work(): Promise<void> {
    // One turn of the event loop gathers what came in together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0 || this.#expired || this.#syncDue) {
      if (this.#expired) await this.#endSegment();
      if (this.#syncDue && this.#segment) await this.#sync(this.#segment);
      this.#syncDue = false;
      await this.#keepPace();
      const batch = this.#takeBatch();
      if (batch.length > 0) await this.#writeBatch(batch);
    }
    this.#working = undefined;
  }

  async #keepPace(): Promise<void> {
    const left = this.#wroteAt + this.#pace.writeMs - performance.now();
    if (left > 0 && this.#waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, left));
  }

  #takeBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && bytes < MAX_BATCH) {
      bytes += this.#waiting[count]?.length ?? 0;
      count += 1;
    }
    if (count === this.#waiting.length) {
      const all = this.#waiting;
      this.#waiting = [];
      return all;
    }
    return this.#waiting.splice(0, count);
  }

  async #writeBatch(all: readonly Waiting[]): Promise<void> {
    let segment: Segment;
    try {
      segment = this.#segment ?? (await this.#beginSegment());
    } catch (error) {
      return rejectAll(all, asStorageError(error));
    }
    const late = all.filter((entry) => entry.within !== undefined && entry.within !== segment.name);
    if (late.length > 0) rejectAll(late, new SegmentEnded('the segment was closed'));
    const batch = late.length === 0 ? all : all.filter((entry) => !late.includes(entry));
    if (batch.length > 0) await this.#writeTo(segment, batch);
  }

  async #writeTo(segment: Segment, batch: readonly Waiting[]): Promise<void> {
    const { disk, maxBytes } = this.#options;
    const start = segment.size;
    const written = place(batch, segment);
    this.#wroteAt = performance.now();
    try {
      const buffers = batch.flatMap((entry) => entry.buffers);
      await disk.writeAt(segment.file, buffers, start);
    } catch (error) {
      return this.#abandon(segment, written, error);
    }
    if (batch.some((entry) => entry.sync)) {
      segment.unsynced.push(...written);
      await this.#syncInTime(segment);
    } else for (const { entry, place: at } of written) entry.resolve(at);
    if (segment.size >= maxBytes) await this.#endSegment();
  }

  /** At once, or when the pace allows it. */
  async #syncInTime(segment: Segment): Promise<void> {
    const left = this.#syncedAt + this.#pace.syncMs - performance.now();
    if (left <= 0) return this.#sync(segment);
    this.#syncTimer ??= setTimeout(() => {
      this.#syncDue = true;
      this.#working ??= this.#work();
    }, left);
  }

  async #sync(segment: Segment): Promise<void> {
    const { unsynced } = segment;
    clearTimeout(this.#syncTimer);
    this.#syncTimer = undefined;
    if (unsynced.length === 0) return;
    segment.unsynced = [];
    this.#syncedAt = performance.now();
    try {
      await this.#options.disk.datasync(segment.file);
    } catch (error) {
      return this.#abandon(segment, unsynced, error);
    }
    for (const { entry, place: at } of unsynced) entry.resolve(at);
  }

  async #beginSegment(): Promise<Segment> {
    const { disk, folder, nextName, maxAge } = this.#options;
    const name = nextName();
    const file = await disk.create(`${folder}/${name}`);
    try {
      await disk.syncFolder(folder);
    } catch (error) {
      await file.close();
      throw error;
    }
    const timer = setTimeout(() => {
      this.#expired = true;
      this.#working ??= this.#work();
    }, maxAge);
    timer.unref();
    this.#segment = { name, file, size: 0, records: 0, unsynced: [], timer };
    return this.#segment;
  }

  async #endSegment(): Promise<void> {
    const segment = this.#segment;
    this.#expired = false;
    if (segment) await this.#sync(segment);
    // It was abandoned if the sync failed.
    if (!segment || this.#segment !== segment) return;
    await this.#close(segment);
  }

  /** An empty segment (its first write failed) leaves nothing worth keeping; the injector removes it if we cannot. */
  async #close(segment: Segment): Promise<void> {
    this.#segment = undefined;
    clearTimeout(segment.timer);
    await this.#seal(segment);
    // Everything that was promised is synced by now: some file systems tell here of what was not.
    await segment.file.close().catch(() => undefined);
    if (segment.records > 0) return this.#options.onClosed(segment.name, segment.records);
    await this.#options.disk.unlink(`${this.#options.folder}/${segment.name}`).catch(() => undefined);
  }

  /** Not synced, and no harm when it fails: without the trailer a segment counts as open while its writer lives. */
  async #seal(segment: Segment): Promise<void> {
    const { disk, trailer } = this.#options;
    if (segment.records === 0) return;
    await disk.writeAt(segment.file, [trailer(segment.records)], segment.size).catch(() => undefined);
  }

  /**
   * Cuts off what a failed write or sync may have left, so that a refused message is not found later, and rejects that. What was
   * written whole before a failed write has its sync still.
   */
  async #abandon(segment: Segment, failed: readonly Written[], error: unknown): Promise<void> {
    segment.size = failed[0]?.place.offset ?? segment.size;
    segment.records = failed[0]?.place.ordinal ?? segment.records;
    try {
      await segment.file.truncate(segment.size);
    } catch {
      // The disk is in trouble: the tail stays, torn or whole. A whole one would be delivered although it was refused.
    }
    await this.#endSegment();
    const reason = asStorageError(error);
    for (const { entry } of failed) entry.reject(reason);
  }
}

function rejectAll(entries: readonly Waiting[], reason: Error): void {
  for (const entry of entries) entry.reject(reason);
}

function place(batch: readonly Waiting[], segment: Segment): Written[] {
  return batch.map((entry) => {
    const at = { segment: segment.name, ordinal: segment.records, offset: segment.size, length: entry.length };
    segment.records += 1;
    segment.size += entry.length;
    return { entry, place: at };
  });
}
