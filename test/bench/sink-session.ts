/**
 * One SMTP session of the benchmark's sink: answers whole pipelined chunks at once and searches contents natively.
 *
 * It says yes to everything and checks nothing; it is a next hop that costs as little as possible, and no SMTP server.
 * Memory is bounded: of a content only its first bytes are kept, until its number is found in them.
 */

/** Header that carries the number of a message, eight digits. */
export const NUMBER_HEADER = 'X-Bench-Number: ';
export const NUMBER_DIGITS = 8;

const CRLF = '\r\n';
const END_OF_CONTENT = '\r\n.\r\n';
/** The number stands behind the trace headers that were added on the way: within so many bytes. */
const HEAD_BYTES = 8192;
const EMPTY = Buffer.alloc(0);
const OK = '250 2.0.0 ok\r\n';
const HELLO = '250-sink.bench.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n';

export const GREETING = '220 sink.bench.example ESMTP\r\n';

/** Called once per message with its number, or -1 where it has none. */
export type OnMessage = (number: number) => void;

/** States: between commands, or within a content (its number found or not). */
export class SinkSession {
  readonly #onMessage: OnMessage;
  #rest: Buffer = EMPTY;
  #inContent = false;
  #number = -1;
  /** QUIT was said: the caller ends the connection after the answers. */
  quit = false;

  constructor(onMessage: OnMessage) {
    this.#onMessage = onMessage;
  }

  /** Takes what came in; returns all answers to it, which may be none. */
  receive(chunk: Buffer): string {
    const buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = EMPTY;
    let answers = '';
    let at = 0;
    for (;;) {
      const end = this.#inContent ? buffer.indexOf(END_OF_CONTENT, at) : buffer.indexOf(CRLF, at);
      if (end < 0) break;
      if (this.#inContent) {
        this.#finish(buffer, at, end);
        answers += OK;
        at = end + END_OF_CONTENT.length;
      } else {
        answers += this.#answer(buffer.toString('latin1', at, at + 4).toUpperCase());
        // The line end before a content belongs to the end mark of an empty one.
        at = this.#inContent ? end : end + CRLF.length;
      }
    }
    this.#keep(buffer, at);
    return answers;
  }

  #answer(verb: string): string {
    if (verb === 'DATA') {
      this.#inContent = true;
      this.#number = -1;
      return '354 go ahead\r\n';
    }
    if (verb === 'EHLO') return HELLO;
    if (verb !== 'QUIT') return OK;
    this.quit = true;
    return '221 2.0.0 bye\r\n';
  }

  #finish(buffer: Buffer, from: number, end: number): void {
    if (this.#number < 0) this.#number = findNumber(buffer, from, end);
    this.#inContent = false;
    this.#onMessage(this.#number);
  }

  /** Keeps what later bytes may complete. */
  #keep(buffer: Buffer, at: number): void {
    if (!this.#inContent) {
      this.#rest = buffer.subarray(at);
      return;
    }
    if (this.#number < 0) this.#number = findNumber(buffer, at, buffer.length);
    const whole = this.#number < 0 && buffer.length - at < HEAD_BYTES;
    this.#rest = buffer.subarray(whole ? at : Math.max(at, buffer.length - END_OF_CONTENT.length + 1));
  }
}

/** The number in a part of a content, -1 where it is not (or not wholly) there. */
function findNumber(buffer: Buffer, from: number, end: number): number {
  const head = buffer.toString('latin1', from, Math.min(end, from + HEAD_BYTES));
  const at = head.indexOf(NUMBER_HEADER);
  if (at < 0) return -1;
  const digits = head.slice(at + NUMBER_HEADER.length, at + NUMBER_HEADER.length + NUMBER_DIGITS);
  return digits.length === NUMBER_DIGITS ? Number(digits) : -1;
}
