/**
 * One SMTP session of a drill's sink: takes whatever the farm's transport sends, answers whole chunks at once.
 *
 * It is a next hop on the loopback address for the minutes of a drill, and no SMTP server: it knows the commands that a
 * transport uses and says yes to every recipient. Memory is bounded by the longest line and the largest content.
 */

export const SINK_GREETING = '220 drill.invalid ESMTP sink of a mailfarm drill\r\n';

const HELLO = '250-drill.invalid\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n';
const OK = '250 2.0.0 ok\r\n';
const TOO_LARGE = '552 5.3.4 larger than any message of a drill\r\n';
const END = '\r\n.\r\n';
const CRLF = Buffer.from('\r\n');
const EMPTY = Buffer.alloc(0);
const MAX_LINE = 8192;

export interface SinkSessionOptions {
  /** Bytes of a content that are kept; what is larger is refused. */
  readonly most: number;
  /** A message is complete, dot-stuffing undone. */
  readonly onMessage: (content: Buffer) => void;
}

/** States: between commands, or within a content. */
export class SinkSession {
  readonly #options: SinkSessionOptions;
  #rest: Buffer = EMPTY;
  #inContent = false;
  /** Undefined: the content became too large. */
  #parts: Buffer[] | undefined = [];
  #length = 0;
  /** QUIT was said, or nonsense: the caller ends the connection after the answers. */
  ended = false;

  constructor(options: SinkSessionOptions) {
    this.#options = options;
  }

  /** Takes what came in; returns all answers to it, which may be none. */
  receive(chunk: Buffer): string {
    let buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let answers = '';
    for (;;) {
      const end = buffer.indexOf(this.#inContent ? END : CRLF);
      if (end < 0 || this.ended) break;
      if (this.#inContent) {
        this.#keep(buffer.subarray(0, end + CRLF.length));
        buffer = buffer.subarray(end + END.length);
        answers += this.#finish();
      } else {
        const command = buffer.toString('latin1', 0, 4).toUpperCase();
        // The line end before a content belongs to the end mark of an empty one.
        buffer = buffer.subarray(command === 'DATA' ? end : end + CRLF.length);
        answers += this.#answer(command);
      }
    }
    this.#rest = this.#inContent ? this.#keepMost(buffer) : buffer;
    if (!this.#inContent && this.#rest.length > MAX_LINE) this.ended = true;
    return answers;
  }

  #answer(verb: string): string {
    if (verb === 'DATA') {
      this.#inContent = true;
      this.#parts = [];
      this.#length = 0;
      return '354 go ahead\r\n';
    }
    if (verb === 'EHLO') return HELLO;
    if (verb !== 'QUIT') return OK;
    this.ended = true;
    return '221 2.0.0 bye\r\n';
  }

  #finish(): string {
    this.#inContent = false;
    if (this.#parts === undefined) return TOO_LARGE;
    // Without the line end of DATA, which was taken along.
    const content = Buffer.concat(this.#parts).subarray(CRLF.length);
    this.#parts = [];
    this.#options.onMessage(unstuff(content));
    return OK;
  }

  /** Keeps all but what may be the beginning of the end mark, which is returned. */
  #keepMost(buffer: Buffer): Buffer {
    const at = Math.max(0, buffer.length - END.length + 1);
    this.#keep(buffer.subarray(0, at));
    return buffer.subarray(at);
  }

  #keep(part: Buffer): void {
    this.#length += part.length;
    if (this.#length > this.#options.most) this.#parts = undefined;
    this.#parts?.push(part);
  }
}

function unstuff(content: Buffer): Buffer {
  return Buffer.from(content.toString('latin1').replaceAll(/(^|\r\n)\./g, '$1'), 'latin1');
}
