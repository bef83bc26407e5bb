/**
 * The content of a DATA transfer (RFC 5321 sections 4.1.1.4 and 4.5.2), taken from the wire in chunks of any size.
 *
 * Only CRLF.CRLF, or .CRLF right at the start, ends it; a dot is un-stuffed only after CRLF. How the bytes are split
 * never changes the verdict or the content: the state between chunks is one of five, and what may yet become a line end
 * is held back. Anything more lenient makes two mail systems disagree on where a message ends (SMTP smuggling,
 * CVE-2023-51764 and its kin). Line ends are found by native search: there is no loop over every byte in JavaScript.
 */

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
const CRLF = Buffer.from('\r\n');

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
  /** Pieces of the chunk at hand; more than one only where something was taken out or put in. */
  #pieces: Buffer[] = [];

  get faults(): DataFaults {
    return { bareCr: this.#bareCr, bareLf: this.#bareLf, nul: this.#nul };
  }

  /** Takes the next chunk. Content may be a view of it. Not to be called again after the end. */
  feed(chunk: Buffer): Decoded {
    const end = this.#scan(chunk);
    const nul = this.#nul ? -1 : chunk.indexOf(0);
    if (nul !== -1 && (end === -1 || nul < end)) this.#nul = true;
    const pieces = this.#pieces;
    this.#pieces = [];
    return { content: pieces.length > 1 ? Buffer.concat(pieces) : pieces[0], end };
  }

  /** Index after the end of data, or -1. */
  #scan(chunk: Buffer): number {
    const length = chunk.length;
    /** Content from here on is not yet in the pieces. */
    let from = 0;
    let at = 0;
    /** The next CR and LF at or after `at`; searched again only when passed, so that no byte is looked at twice. */
    let cr = -1;
    let lf = -1;
    while (at < length) {
      const byte = chunk[at];
      switch (this.#state) {
        case lineStart:
          this.#state = text;
          if (byte !== DOT) break;
          this.#put(chunk, from, at);
          at += 1;
          from = at;
          this.#state = dot;
          break;
        case dot:
          // Anything but CR: the dot was stuffed, or should have been: it goes (section 4.5.2).
          this.#state = byte === CR ? dotCr : text;
          if (byte === CR) at += 1;
          break;
        case dotCr:
          if (byte === LF) return at + 1;
          from = this.#bareCrBefore(at);
          break;
        case textCr:
          if (byte === LF) {
            // The CR came with the chunk before, and was held back.
            if (at === 0) this.#pieces.push(CRLF);
            at += 1;
            if (at === 1) from = 1;
            this.#state = lineStart;
            break;
          }
          this.#put(chunk, from, at - 1);
          from = this.#bareCrBefore(at);
          break;
        case text:
          if (cr < at) cr = indexOrEnd(chunk, CR, at);
          if (lf < at) lf = indexOrEnd(chunk, LF, at);
          if (lf < cr) {
            this.#bareLf = true;
            this.#put(chunk, from, lf);
            this.#pieces.push(CRLF);
            from = lf + 1;
            at = from;
          } else {
            at = Math.min(cr + 1, length);
            if (cr < length) this.#state = textCr;
          }
          break;
      }
    }
    this.#put(chunk, from, this.#state === textCr || this.#state === dotCr ? length - 1 : length);
    return -1;
  }

  #bareCrBefore(at: number): number {
    this.#bareCr = true;
    this.#pieces.push(CRLF);
    this.#state = text;
    return at;
  }

  #put(chunk: Buffer, from: number, to: number): void {
    if (from < to) this.#pieces.push(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to));
  }
}

function indexOrEnd(chunk: Buffer, byte: number, from: number): number {
  const index = chunk.indexOf(byte, from);
  return index === -1 ? chunk.length : index;
}
