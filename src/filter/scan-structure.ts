/**
 * Reads the MIME structure of a message in one pass over its bytes, in chunks of any size, and stops at the first limit
 * that is passed. It decodes no content and keeps none: memory is bounded by the largest header allowed.
 *
 * States: header (line by line) → body (native search for lines that begin with `--`) → header of the next part … → done.
 * No recursion, no regular expression over the message, never throws. Why not mailsplit: measured, a 1 MB header of
 * folded lines costs it 87 s and a line of 20 MB 3.5 s (squares), it gives up at 1000 parts, and as it knows the
 * boundaries of two levels only, an attachment behind an inner multipart without a closing line is not seen by it.
 */
import { MAX_BOUNDARY, OpenMultiparts } from './boundaries.ts';
import { matchesGlob } from './glob.ts';
import { PartHeader } from './part-header.ts';

export interface StructureLimits {
  /** Containers around a part: multiparts, and messages within the message. */
  readonly depth: number;
  readonly parts: number;
  /** Bytes of one header; all of them together may have HEADERS_TOTAL times that. */
  readonly headerSize: number;
  /** Fields of one header. */
  readonly headers: number;
  readonly forbiddenNames: readonly string[];
}

export type Violation =
  | { readonly kind: 'depth' | 'parts' | 'header-size' | 'headers' | 'boundary' }
  | { readonly kind: 'name'; readonly name: string; readonly pattern: string };

export interface Structure {
  readonly parts: number;
  /** Deepest container met. */
  readonly depth: number;
  /** The first limit that was passed; what comes after it was not read. */
  readonly violation?: Violation;
}

const HEADERS_TOTAL = 16;

const NEWLINE = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;
/** A delimiter line with its white space; longer lines are none. */
const MAX_DELIMITER = 16 * 1024;
/** Boundaries that one part may name. */
const MAX_BOUNDARIES = 32;
const DELIMITER_START = Buffer.from('\n--');
const NOTHING = Buffer.alloc(0);

export class StructureScanner {
  readonly #limits: StructureLimits;
  readonly #patterns: readonly string[];
  readonly #open = new OpenMultiparts();
  #state: 'header' | 'body' | 'done' = 'header';
  #rest: Buffer = NOTHING;
  /** In the body: the next byte begins a line. */
  #lineStart = true;
  #header = new PartHeader();
  #headerBytes = 0;
  #totalBytes = 0;
  #inDigest = false;
  #depth = 0;
  #deepest = 0;
  #parts = 1;
  #violation: Violation | undefined;

  constructor(limits: StructureLimits) {
    this.#limits = limits;
    this.#patterns = limits.forbiddenNames.map((pattern) => pattern.normalize('NFKC').toLowerCase());
  }

  /** Takes the next bytes; false when nothing that follows can matter any more. */
  push(chunk: Buffer): boolean {
    if (this.#state === 'done') return false;
    const buf = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (let next: number | undefined = 0; next !== undefined && !this.#isDone();) {
      at = next;
      next = this.#state === 'header' ? this.#readHeaderLine(buf, at) : this.#readBody(buf, at);
    }
    // Of a body, all but what may become a delimiter is done with.
    if (this.#state === 'body' && !this.#lineStart) at = Math.max(at, buf.length - 2);
    this.#rest = this.#isDone() ? NOTHING : buf.subarray(at);
    return !this.#isDone();
  }

  /** The message ends here. */
  end(): Structure {
    // Ends a last line without a newline, and a header without a body.
    this.push(Buffer.from('\r\n\r\n'));
    this.#state = 'done';
    const { parts, depth } = { parts: this.#parts, depth: this.#deepest };
    return this.#violation === undefined ? { parts, depth } : { parts, depth, violation: this.#violation };
  }

  #isDone(): boolean {
    return this.#state === 'done';
  }

  /** Takes one header line at `at`: where the next one begins, or undefined when it is not complete yet. */
  #readHeaderLine(buf: Buffer, at: number): number | undefined {
    const end = buf.indexOf(NEWLINE, at);
    const size = (end < 0 ? buf.length : end + 1) - at;
    if (this.#headerBytes + size > this.#limits.headerSize) return this.#stop({ kind: 'header-size' });
    if (end < 0) return undefined;
    const to = buf[end - 1] === CR && end > at ? end - 1 : end;
    // A delimiter ends a header that lacks its empty line; the body's code acts upon it.
    if (to > at && this.#isDelimiter(buf, at, to)) return this.#endHeader(at);
    this.#headerBytes += size;
    this.#totalBytes += size;
    if (this.#totalBytes > this.#limits.headerSize * HEADERS_TOTAL) return this.#stop({ kind: 'header-size' });
    if (to === at) return this.#endHeader(end + 1);
    this.#header.addLine(buf, at, to);
    if (this.#header.fields > this.#limits.headers) return this.#stop({ kind: 'headers' });
    return end + 1;
  }

  #isDelimiter(buf: Buffer, at: number, to: number): boolean {
    return buf[at] === DASH && buf[at + 1] === DASH && to - at <= MAX_DELIMITER && this.#open.isDelimiter(buf, at, to);
  }

  /** The header is complete: what follows at `next` is a body, a multipart's preamble, or the header of a message within. */
  #endHeader(next: number): number | undefined {
    const kind = this.#header.kind(this.#inDigest);
    const forbidden = this.#forbiddenName();
    if (forbidden !== undefined) return this.#stop(forbidden);
    const { boundaries, digest, message } = kind;
    if (boundaries.length > MAX_BOUNDARIES || boundaries.some(({ length }) => length > MAX_BOUNDARY)) {
      return this.#stop({ kind: 'boundary' });
    }
    if (boundaries.length > 0) this.#open.push({ boundaries, digest, depth: this.#depth });
    this.#deepest = Math.max(this.#deepest, this.#depth + (boundaries.length > 0 || message ? 1 : 0));
    if (this.#deepest > this.#limits.depth) return this.#stop({ kind: 'depth' });
    if (message) return this.#beginPart(next, { depth: this.#depth + 1, inDigest: false });
    this.#state = this.#open.none ? 'done' : 'body';
    this.#lineStart = true;
    return next;
  }

  #forbiddenName(): Violation | undefined {
    if (this.#patterns.length === 0) return undefined;
    for (const name of this.#header.names()) {
      const pattern = this.#patterns.find((glob) => matchesGlob(name, glob));
      if (pattern !== undefined) return { kind: 'name', name, pattern };
    }
    return undefined;
  }

  #beginPart(next: number, of: { readonly depth: number; readonly inDigest: boolean }): number | undefined {
    this.#parts += 1;
    if (this.#parts > this.#limits.parts) return this.#stop({ kind: 'parts' });
    this.#depth = of.depth;
    this.#inDigest = of.inDigest;
    this.#header = new PartHeader();
    this.#headerBytes = 0;
    this.#state = 'header';
    return next;
  }

  /** Goes to the next line that begins with `--` and acts upon it; undefined when more bytes are needed. */
  #readBody(buf: Buffer, at: number): number | undefined {
    if (!this.#lineStart) {
      const found = buf.indexOf(DELIMITER_START, at);
      if (found < 0) return undefined;
      this.#lineStart = true;
      return found + 1;
    }
    if (buf.length - at < 2) return undefined;
    if (buf[at] !== DASH || buf[at + 1] !== DASH) return this.#skipLine(at);
    const end = buf.indexOf(NEWLINE, at);
    if (end < 0 && buf.length - at <= MAX_DELIMITER) return undefined;
    const taken = end < 0 || end - at > MAX_DELIMITER ? undefined : this.#open.take(buf, at, end);
    if (taken === undefined) return this.#skipLine(end < 0 ? at : end);
    if (taken.next) return this.#beginPart(end + 1, { depth: taken.of.depth + 1, inDigest: taken.of.digest });
    if (this.#open.none) this.#state = 'done';
    return end + 1;
  }

  /** Not a delimiter: look for the next line from here on. */
  #skipLine(at: number): number {
    this.#lineStart = false;
    return at;
  }

  #stop(violation: Violation): undefined {
    this.#violation = violation;
    this.#state = 'done';
    return undefined;
  }
}
