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
const LATER = '451 4.3.0 not now\r\n';
/** Of a command, more is not looked at. */
const COMMAND_BYTES = 64;
const RECIPIENT_NUMBER = /<(\d{1,9})/;
const HELLO = '250-sink.bench.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n';

export const GREETING = '220 sink.bench.example ESMTP\r\n';

/**
 * Called once per message with the numbers that its recipients begin with, as `17bob@bench.example`; where none has one, with
 * that of its content, or -1.
 */
export type OnMessage = (numbers: readonly number[]) => void;

/** Asked for each recipient, by its number or -1, whether to answer 451. */
export type Refuses = (number: number) => boolean;

/** States: between commands, or within a content (its number found or not). */
export class SinkSession {
  readonly #onMessage: OnMessage;
  readonly #refuses: Refuses;
  /** Of the transaction. */
  #taken = 0;
  #recipients: number[] = [];
  #rest: Buffer = EMPTY;
  #inContent = false;
  #number = -1;
  /** QUIT was said: the caller ends the connection after the answers. */
  quit = false;

  constructor(onMessage: OnMessage, refuses: Refuses = () => false) {
    this.#onMessage = onMessage;
    this.#refuses = refuses;
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
        answers += this.#answer(buffer.toString('latin1', at, Math.min(end, at + COMMAND_BYTES)));
        // The line end before a content belongs to the end mark of an empty one.
        at = this.#inContent ? end : end + CRLF.length;
      }
    }
    this.#keep(buffer, at);
    return answers;
  }

  #answer(command: string): string {
    const verb = command.slice(0, 4).toUpperCase();
    if (verb === 'RCPT') return this.#recipient(command);
    if (verb === 'DATA') {
      if (this.#taken === 0) return '503 5.5.1 no recipients\r\n';
      this.#inContent = true;
      this.#number = -1;
      return '354 go ahead\r\n';
    }
    if (verb === 'EHLO') return HELLO;
    if (verb === 'MAIL' || verb === 'RSET') this.#reset();
    if (verb !== 'QUIT') return OK;
    this.quit = true;
    return '221 2.0.0 bye\r\n';
  }

  #recipient(command: string): string {
    const number = Number(RECIPIENT_NUMBER.exec(command)?.[1] ?? -1);
    if (this.#refuses(number)) return LATER;
    this.#taken += 1;
    if (number >= 0) this.#recipients.push(number);
    return OK;
  }

  #finish(buffer: Buffer, from: number, end: number): void {
    const byRecipient = this.#recipients.length > 0;
    if (this.#number < 0 && !byRecipient) this.#number = findNumber(buffer, from, end);
    this.#inContent = false;
    this.#onMessage(byRecipient ? this.#recipients : [this.#number]);
    this.#reset();
  }

  #reset(): void {
    this.#taken = 0;
    this.#recipients = [];
  }

  /** Keeps what later bytes may complete. */
  #keep(buffer: Buffer, at: number): void {
    if (!this.#inContent) {
      this.#rest = buffer.subarray(at);
      return;
    }
    const seeks = this.#number < 0 && this.#recipients.length === 0;
    if (seeks) this.#number = findNumber(buffer, at, buffer.length);
    const whole = seeks && this.#number < 0 && buffer.length - at < HEAD_BYTES;
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
