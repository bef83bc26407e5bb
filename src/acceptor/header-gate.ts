/**
 * Holds back the content of a message until its header is complete, so that it can be judged and added to before the
 * first byte is stored. Bounded; the end of the header is found with native search, each byte looked at once.
 */
const BLANK_LINE = Buffer.from('\r\n\r\n');
/** The start of a message counts as after a line end: an empty header is one CRLF. */
const START = BLANK_LINE.subarray(0, 2);

export type Gathered =
  /** The header goes on. */
  | 'more'
  | 'too-large'
  /** All content so far; the header is the first `header` bytes, its blank line included. */
  | { readonly content: Buffer; readonly header: number };

export class HeaderGate {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #size = 0;
  #tail: Buffer = START;

  /** `limit` in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  take(chunk: Buffer): Gathered {
    const window = Buffer.concat([this.#tail, chunk.subarray(0, this.#limit + BLANK_LINE.length)]);
    const at = window.indexOf(BLANK_LINE);
    const header = this.#size + at + BLANK_LINE.length - this.#tail.length;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (at !== -1) return header > this.#limit ? 'too-large' : { content: this.#release(), header };
    if (this.#size > this.#limit) return 'too-large';
    this.#tail = window.subarray(Math.max(0, window.length - BLANK_LINE.length + 1));
    return 'more';
  }

  /** The message has ended within its header: the header is all of it. */
  finish(): { readonly content: Buffer; readonly header: number } {
    const content = this.#release();
    return { content, header: content.length };
  }

  #release(): Buffer {
    const [first] = this.#chunks;
    const content = first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
    this.#chunks = [];
    return content;
  }
}
