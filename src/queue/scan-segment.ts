/**
 * Reads a segment from its beginning, record by record, holding one record in memory at a time. A torn tail ends it: that was
 * never acknowledged. A damaged record whose line is whole is passed over and reported. In a file of lines only (outcomes,
 * `maxContent` 0) a line that is no record at all is passed over too: the next one begins behind its newline.
 */
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { MAX_RECORD_LINE, parseLine, sumHolds, type RecordLine } from './record.ts';

export type Scanned =
  | {
      readonly kind: 'record';
      readonly record: RecordLine;
      readonly ordinal: number;
      readonly offset: number;
      readonly length: number;
      /** Line and content as they are on disk; valid until the next step. */
      readonly raw: Buffer;
    }
  | { readonly kind: 'damaged'; readonly offset: number; readonly length: number; readonly raw: Buffer }
  /**
   * What follows is no record: `left` bytes, 0 when the segment ends as it should. `rest` are those bytes when there seem to be
   * records among them: then this is no torn tail, but damage in the middle.
   */
  | { readonly kind: 'end'; readonly offset: number; readonly left: number; readonly rest?: Buffer };

const NEWLINE = 0x0a;
const NEXT_RECORD = '{"sum":"';
/** Most state files and many segments are small: reads begin small and grow. */
const FIRST_READ = 16 * 1024;
const MOST_READ = 1024 * 1024;

/** Of a file, or of all its bytes. The last thing yielded is always `end`. `from`: where a record of the file begins; there ordinals do too. */
export async function* scanSegment(
  source: FileHandle | Buffer,
  maxContent: number,
  parse: (line: Buffer) => RecordLine | undefined = parseLine,
  from = 0,
): AsyncGenerator<Scanned> {
  const window = new Window(source, from);
  let ordinal = 0;
  for (;;) {
    const { offset } = window;
    const line = await window.line();
    const record = line && parse(line);
    const contentLength = record?.kind === 'message' ? record.length : 0;
    const raw = record && contentLength <= maxContent ? await window.take(line.length + 1 + contentLength) : undefined;
    if (line && !record && maxContent === 0) {
      const skipped = await window.take(line.length + 1);
      if (skipped && line.length > 0) yield { kind: 'damaged', offset, length: skipped.length, raw: skipped };
      continue;
    }
    if (!line || !record || !raw) {
      const left = await window.left();
      const rest = await window.rest();
      yield { kind: 'end', offset, left, ...(rest.includes(NEXT_RECORD, 1) ? { rest } : {}) };
      return;
    }
    const content = raw.subarray(line.length + 1);
    const sound = sumHolds(raw.subarray(0, line.length), content.length > 0 ? crc32(content) : 0);
    if (sound) yield { kind: 'record', record, ordinal, offset, length: raw.length, raw };
    else if ((await window.left()) === 0) {
      yield { kind: 'end', offset, left: raw.length };
      return;
    } else yield { kind: 'damaged', offset, length: raw.length, raw };
    ordinal += 1;
  }
}

/** A view on a file that slides forward. */
class Window {
  offset: number;
  readonly #file: FileHandle | undefined;
  #buffer: Buffer = Buffer.alloc(0);
  #read = FIRST_READ;
  #ended: boolean;

  constructor(source: FileHandle | Buffer, from: number) {
    this.offset = from;
    this.#ended = Buffer.isBuffer(source);
    if (Buffer.isBuffer(source)) this.#buffer = source;
    else this.#file = source;
  }

  /** The line at the offset without its newline, or undefined when there is no whole one. */
  async line(): Promise<Buffer | undefined> {
    let from = 0;
    for (;;) {
      const end = this.#buffer.indexOf(NEWLINE, from);
      if (end >= 0) return this.#buffer.subarray(0, end);
      from = this.#buffer.length;
      if (from > MAX_RECORD_LINE || !(await this.#more())) return undefined;
    }
  }

  /** The next `length` bytes, moving past them; undefined when the file ends before. */
  async take(length: number): Promise<Buffer | undefined> {
    while (this.#buffer.length < length) if (!(await this.#more())) return undefined;
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    this.offset += length;
    return taken;
  }

  async left(): Promise<number> {
    if (this.#buffer.length === 0) await this.#more();
    if (this.#ended || !this.#file) return this.#buffer.length;
    return (await this.#file.stat()).size - this.offset;
  }

  /** Everything from the offset on: a segment's size at most. */
  async rest(): Promise<Buffer> {
    while (await this.#more());
    return this.#buffer;
  }

  async #more(): Promise<boolean> {
    if (this.#ended || !this.#file) return false;
    const length = this.#read;
    this.#read = Math.min(MOST_READ, length * 4);
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await this.#file.read(buffer, 0, length, this.offset + this.#buffer.length);
    if (bytesRead === 0) {
      this.#ended = true;
      return false;
    }
    this.#buffer = Buffer.concat([this.#buffer, buffer.subarray(0, bytesRead)]);
    return true;
  }
}
