/**
 * Reads messages by handle, from whatever place they are at by now: a record may have moved from its journal into the tree since
 * the handle was made. What cannot be read is set aside and reported as a value.
 */
import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { errorCode, errorText } from '../base/text.ts';
import { bytesWentBy } from '../base/tidy-memory.ts';
import { fileStat, isForeign, type Disk } from './disk.ts';
import { parseHandle, type JournalPlace } from './handle.ts';
import { messagePath, parseSegmentName, segmentPath, temporaryPath, type Layout } from './layout.ts';
import { MAX_RECORD_LINE, parseLine, sumHolds, type MessageRecord } from './record.ts';
import type { Handle, QueueId, ReadResult, StoredMessage } from './store.ts';

export interface ReadOptions {
  readonly disk: Disk;
  readonly layout: Layout;
  /** Content up to this many bytes is given whole. */
  readonly inlineBytes: number;
  /** Called before `corrupt` is answered for a file of the tree: moves it to the corrupt folder. */
  readonly setAside: (path: string, why: string) => Promise<void>;
}

/** Of a file: most are no longer. */
export const FIRST_READ = 64 * 1024;
const NEWLINE = 0x0a;
/** Open segments that a reader keeps, so that the next record costs one read. */
const KEEP_OPEN = 8;

export class MessageReader {
  readonly #options: ReadOptions;
  readonly #segments = new Map<string, FileHandle>();

  constructor(options: ReadOptions) {
    this.#options = options;
  }

  async read(handle: Handle): Promise<ReadResult> {
    const parsed = parseHandle(handle);
    if (!parsed) return { kind: 'corrupt', why: 'not a handle' };
    const { layout } = this.#options;
    if (parsed.stagedBy) return this.#readFile(temporaryPath(layout, `${parsed.id}.${parsed.stagedBy}`), parsed.id);
    if (parsed.journal) {
      const found = await this.#readRecord(parsed.id, parsed.journal);
      if (found) return found;
    }
    return this.#readFile(messagePath(layout, parsed.id), parsed.id);
  }

  async close(): Promise<void> {
    const files = [...this.#segments.values()];
    this.#segments.clear();
    for (const file of files) await file.close();
  }

  /** The raw record, line and content, or undefined when the segment is gone. */
  async rawRecord(place: JournalPlace): Promise<Buffer | undefined> {
    const file = await this.#segment(place.segment);
    if (!file) return undefined;
    // Closed by another reader's need for room, in the moment between: open it again.
    if (file.fd < 0) return this.rawRecord(place);
    const buffer = Buffer.allocUnsafe(place.length);
    // Written a moment ago, so it is in the page cache: a read in this thread is cheaper than a trip through the pool.
    const bytesRead = readSync(file.fd, buffer, 0, place.length, place.offset);
    return bytesRead === place.length ? buffer : undefined;
  }

  async #readRecord(id: QueueId, place: JournalPlace): Promise<ReadResult | undefined> {
    if (place.length > this.#options.inlineBytes + MAX_RECORD_LINE)
      return { kind: 'corrupt', why: 'impossible length' };
    const raw = await this.rawRecord(place);
    if (!raw) return undefined;
    const end = raw.indexOf(NEWLINE);
    const record = end < 0 ? undefined : parseLine(raw.subarray(0, end));
    const content = raw.subarray(end + 1);
    const whole = record?.kind === 'message' && record.id === id && record.length === content.length;
    if (!whole || !sumHolds(raw.subarray(0, end), crc32(content))) {
      return { kind: 'corrupt', why: `record ${place.ordinal} of segment ${place.segment} is damaged` };
    }
    return { kind: 'found', message: inMemory(record, content) };
  }

  async #segment(name: string): Promise<FileHandle | undefined> {
    const open = this.#segments.get(name);
    if (open) return open;
    if (!parseSegmentName(name)) return undefined;
    try {
      const file = await this.#options.disk.open(segmentPath(this.#options.layout, 'journal', name));
      const raced = this.#segments.get(name);
      if (raced) {
        await file.close();
        return raced;
      }
      this.#segments.set(name, file);
      await this.#closeOldest();
      return file;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #closeOldest(): Promise<void> {
    for (const [name, file] of this.#segments) {
      if (this.#segments.size <= KEEP_OPEN) return;
      this.#segments.delete(name);
      await file.close();
    }
  }

  async #readFile(path: string, id: QueueId): Promise<ReadResult> {
    const quick = this.#readQuickly(path, id);
    if (quick) return { kind: 'found', message: quick };
    let file: FileHandle;
    try {
      file = await this.#options.disk.open(path);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return { kind: 'missing' };
      if (isForeign(error)) return this.#corrupt(path, errorText(error));
      throw error;
    }
    try {
      return (await this.#readOpen(file, { path, id })) ?? (await this.#corrupt(path, 'torn, foreign or damaged'));
    } finally {
      await file.close();
    }
  }

  /** A small and sound one; whatever else it is, the way round by an open file tells. */
  #readQuickly(path: string, id: QueueId): StoredMessage | undefined {
    const { disk, inlineBytes } = this.#options;
    const start = disk.readStart(path, FIRST_READ);
    if (!start || start.bytes.length < start.size) return undefined;
    const head = headIn(start.bytes);
    if (!head || !isWhole(head, start.size, id) || head.record.length > inlineBytes) return undefined;
    const content = start.bytes.subarray(head.contentAt);
    return sumHolds(head.line, crc32(content)) ? inMemory(head.record, content) : undefined;
  }

  async #readOpen(file: FileHandle, what: { path: string; id: QueueId }): Promise<ReadResult | undefined> {
    const { size } = fileStat(file);
    const head = await readHead(file, size);
    if (!head || !isWhole(head, size, what.id)) return undefined;
    const { record, line, contentAt } = head;
    if (record.length > this.#options.inlineBytes) {
      return { kind: 'found', message: onDisk(record, () => this.#stream(what.path, contentAt)) };
    }
    const content = await contentOf(file, head);
    return sumHolds(line, crc32(content)) ? { kind: 'found', message: inMemory(record, content) } : undefined;
  }

  #stream(path: string, start: number): Readable {
    const { disk } = this.#options;
    return Readable.from(
      (async function* chunks() {
        const file = await disk.open(path);
        for await (const chunk of file.createReadStream({
          start,
          highWaterMark: 256 * 1024,
        }) as AsyncIterable<Buffer>) {
          yield chunk;
          bytesWentBy(chunk.length);
        }
      })(),
      { objectMode: false, highWaterMark: 256 * 1024 },
    );
  }

  async #corrupt(path: string, why: string): Promise<ReadResult> {
    await this.#options.setAside(path, why);
    return { kind: 'corrupt', why };
  }
}

export interface Head {
  readonly record: MessageRecord;
  readonly line: Buffer;
  readonly contentAt: number;
  /** The first bytes of the file, mostly all of it. */
  readonly start: Buffer;
}

/** A small message was read with its line. */
async function contentOf(file: FileHandle, { record, contentAt, start }: Head): Promise<Buffer> {
  const end = contentAt + record.length;
  if (start.length >= end) return start.subarray(contentAt, end);
  const content = Buffer.allocUnsafe(record.length);
  await file.read(content, 0, record.length, contentAt);
  return content;
}

/** The record line of a message file and where its content starts, or undefined when it has none. */
export async function readHead(file: FileHandle, size: number): Promise<Head | undefined> {
  for (let want = FIRST_READ; ; want *= 8) {
    const length = Math.min(want, size, MAX_RECORD_LINE);
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await file.read(buffer, 0, length, 0);
    const start = buffer.subarray(0, bytesRead);
    if (start.includes(NEWLINE)) return headIn(start);
    if (length >= Math.min(size, MAX_RECORD_LINE)) return undefined;
  }
}

/** The same of the first bytes of the file, where its line is whole in them. */
export function headIn(start: Buffer): Head | undefined {
  const end = start.indexOf(NEWLINE);
  const line = start.subarray(0, Math.max(0, end));
  const record = parseLine(line);
  return record?.kind === 'message' ? { record, line, contentAt: end + 1, start } : undefined;
}

/** It is the file of that message, and has the length that it says. */
export function isWhole({ record, contentAt }: Head, size: number, id: QueueId): boolean {
  return record.id === id && size - contentAt === record.length;
}

function inMemory(record: MessageRecord, bytes: Buffer): StoredMessage {
  const { id, envelope, length } = record;
  return { id, envelope, size: length, bytes, stream: () => Readable.from([bytes], { objectMode: false }) };
}

function onDisk(record: MessageRecord, stream: () => Readable): StoredMessage {
  const { id, envelope, length } = record;
  return { id, envelope, size: length, stream };
}
