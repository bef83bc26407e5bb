/**
 * The content of a DATA transfer (RFC 5321 sections 4.1.1.4 and 4.5.2), taken from the wire in chunks of any size.
 *
 * Only CRLF.CRLF, or .CRLF right at the start, ends it; a dot is un-stuffed only after CRLF. How the bytes are split
 * never changes the verdict or the content: the state between chunks is one of five, and what may yet become a line end
 * is held back. Anything more lenient makes two mail systems disagree on where a message ends (SMTP smuggling,
 * CVE-2023-51764 and its kin). Content is a view of the chunk as long as nothing in it changes.
 */

import { ControlScan } from '../base/control-scan.ts';

/** Bytes that no message may have on the wire (RFC 5321 section 2.3.8). */
export interface DataFaults {
  readonly bareCr: boolean;
  readonly bareLf: boolean;
  readonly nul: boolean;
}

export interface Decoded {
  /** Content of this chunk: dots un-stuffed, a bare CR or LF made CRLF. Absent when there is none. */
  readonly content: Buffer | undefined;
  /** Index in the chunk of the first byte after the end of data; -1 when the data goes on. */
  readonly end: number;
}

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
/** Bytes that are copied one by one: a native call costs as much as a hundred of them. */
const SHORT_LINE = 128;

const lineStart = 0;
const text = 1;
const textCr = 2;
const dot = 3;
const dotCr = 4;
type State = typeof lineStart | typeof text | typeof textCr | typeof dot | typeof dotCr;

/**
 * States: lineStart (the transfer begins, or after CRLF) · text (within a line) · textCr (after a CR in text) · dot (after
 * a dot at lineStart) · dotCr (after a CR behind that dot). dotCr and LF: the end. A decoder serves one transfer.
 */
export class DataDecoder {
  #state: State = lineStart;
  #bareCr = false;
  #bareLf = false;
  #nul = false;
  #dots = false;

  /** The content so far is fit for the wire as it is: nothing was mended, and no line of it starts with a dot. */
  get plain(): boolean {
    return !this.#bareCr && !this.#bareLf && !this.#nul && !this.#dots;
  }

  get faults(): DataFaults {
    return { bareCr: this.#bareCr, bareLf: this.#bareLf, nul: this.#nul };
  }

  /** Takes the next chunk. Not to be called again after the end. */
  feed(chunk: Buffer): Decoded {
    const output = new Output(chunk);
    const end = this.#scan(chunk, output);
    const nul = this.#nul ? -1 : chunk.indexOf(0);
    if (nul !== -1 && (end === -1 || nul < end)) this.#nul = true;
    return { content: output.content, end };
  }

  /** Index after the end of data, or -1. */
  #scan(chunk: Buffer, output: Output): number {
    const length = chunk.length;
    const scan = new ControlScan(chunk);
    /** Content from here on is not yet in the output. */
    let from = 0;
    let at = 0;
    while (at < length) {
      const byte = chunk[at];
      switch (this.#state) {
        case lineStart:
          this.#state = text;
          if (byte !== DOT) break;
          output.put(from, at);
          at += 1;
          from = at;
          this.#state = dot;
          break;
        case dot:
          // Anything but CR: the dot was stuffed, or should have been: it goes (section 4.5.2).
          this.#state = byte === CR ? dotCr : text;
          this.#dots ||= byte === DOT;
          if (byte === CR) at += 1;
          break;
        case dotCr:
          if (byte === LF) return at + 1;
          this.#noteBareCr(output);
          from = at;
          break;
        case textCr:
          if (byte === LF) {
            // The CR came with the chunk before, and was held back.
            if (at === 0) output.putCrlf();
            at += 1;
            if (at === 1) from = 1;
            this.#state = lineStart;
            break;
          }
          output.put(from, at - 1);
          this.#noteBareCr(output);
          from = at;
          break;
        case text:
          at = nextLineEnd(chunk, scan, at);
          if (at === length) break;
          if (chunk[at] === CR) {
            this.#state = textCr;
          } else {
            this.#bareLf = true;
            output.put(from, at);
            output.putCrlf();
            from = at + 1;
          }
          at += 1;
          break;
      }
    }
    output.put(from, this.#state === textCr || this.#state === dotCr ? length - 1 : length);
    return -1;
  }

  #noteBareCr(output: Output): void {
    this.#bareCr = true;
    this.#state = text;
    output.putCrlf();
  }
}

/** What one chunk becomes. The first range stays a view; a second one makes it a copy of at most twice the chunk. */
class Output {
  readonly #chunk: Buffer;
  #from = 0;
  #to = 0;
  #copy: Buffer | undefined;
  #copied = 0;

  constructor(chunk: Buffer) {
    this.#chunk = chunk;
  }

  get content(): Buffer | undefined {
    if (this.#copy !== undefined) return this.#copy.subarray(0, this.#copied);
    if (this.#to === 0) return undefined;
    return this.#to - this.#from === this.#chunk.length ? this.#chunk : this.#chunk.subarray(this.#from, this.#to);
  }

  put(from: number, to: number): void {
    if (from >= to) return;
    if (this.#copy === undefined && this.#to === 0) {
      this.#from = from;
      this.#to = to;
    } else {
      this.#append(this.#copy ?? this.#startCopy(), from, to);
    }
  }

  putCrlf(): void {
    const copy = this.#copy ?? this.#startCopy();
    copy[this.#copied] = CR;
    copy[this.#copied + 1] = LF;
    this.#copied += 2;
  }

  #startCopy(): Buffer {
    // Every byte may become two, and a CR that was held back as well.
    const copy = Buffer.allocUnsafe(2 * this.#chunk.length + 2);
    this.#copy = copy;
    this.#append(copy, this.#from, this.#to);
    return copy;
  }

  #append(copy: Buffer, from: number, to: number): void {
    if (to - from < SHORT_LINE) {
      for (let index = from; index < to; index += 1) copy[this.#copied++] = this.#chunk[index] ?? 0;
    } else {
      this.#copied += this.#chunk.copy(copy, this.#copied, from, to);
    }
  }
}

/** Index of the next CR or LF, or the length of the chunk. */
function nextLineEnd(chunk: Buffer, scan: ControlScan, from: number): number {
  let at = scan.next(from);
  while (at < chunk.length && chunk[at] !== CR && chunk[at] !== LF) at = scan.next(at + 1);
  return at;
}
