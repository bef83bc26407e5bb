/**
 * The one place that mends smtp-server's parser (its smtp-stream.js); the rest of smtp-server is used as it is.
 *
 * What differs from the original:
 * - a command line ends at CRLF only: it splits at a bare LF as well, which makes two commands of one bad line;
 * - a line that is too long costs a 500 and is thrown away unread, up to a limit; it closes the connection at once;
 * - the end of the stream completes no command: it runs what came without a line end;
 * - data mode is DataDecoder's (strict ends, no byte looked at twice) and MessageStream's (no PassThrough, no setImmediate per dot);
 * - continue() may start the next transfer itself.
 */
import type { SMTPServerDataStream } from 'smtp-server/lib/types.js';
import { SMTPStream } from 'smtp-server/lib/smtp-stream.js';
import { DataDecoder } from './data-decoder.ts';
import { asDataStream, MessageStream } from './message-stream.ts';

type Callback = (error?: Error | null) => void;

/** Pipelined commands that run before other connections get a turn. */
const MAX_SYNC_COMMANDS = 100;
/** Bytes of one command line that are thrown away before the connection is. */
const MAX_THROWN_AWAY = 64 * 1024;
const CRLF = Buffer.from('\r\n');
const CR = 0x0d;

export class StrictStream extends SMTPStream {
  /** Bytes of the transfer so far, as they came over the wire. */
  received = 0;
  /** The start of a command line. */
  #held: Buffer | undefined;
  /** Length of an overlong line so far, 0 for others. */
  #thrownAway = 0;
  #decoder = new DataDecoder();
  #message: MessageStream | undefined;

  /** Called in place of oncommand for a line that was too long to keep. */
  onoverlong(callback: () => void): void {
    callback();
  }

  /** Called when message content came behind DATA, before the client can have seen 354; may close the connection. */
  onearlydata(): void {
    // Accepted unless someone says otherwise.
  }

  override startDataMode(maxBytes?: number | string | null): SMTPServerDataStream {
    this._dataMode = true;
    this.dataBytes = 0;
    this.received = 0;
    this.#decoder = new DataDecoder();
    this.#message = new MessageStream(Number(maxBytes) || Infinity);
    return asDataStream(this.#message);
  }

  override continue(): void {
    const proceed = this._continueCallback;
    this._continueCallback = typeof proceed !== 'function';
    if (typeof proceed === 'function') proceed();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding | 'buffer', next: Callback): void {
    let called = false;
    const done: Callback = (error) => {
      if (called) return;
      called = true;
      next(error);
    };
    this.#take(chunk, done);
  }

  /** A command without its CRLF is no command. */
  override _flushData(): void {
    this.#held = undefined;
  }

  #take(chunk: Buffer, done: Callback): void {
    if (this.isClosed || chunk.length === 0) done();
    else if (this._dataMode) this.#takeData(chunk, done);
    else this.#takeCommands(chunk, done);
  }

  /** A handler may call back at once (a loop, not a recursion) or later. */
  #takeCommands(chunk: Buffer, done: Callback): void {
    const data = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = undefined;
    let at = 0;
    let busy = false;
    let again = false;
    let count = 0;
    const proceed = (): void => {
      again = true;
      if (busy) return;
      busy = true;
      try {
        while (again) {
          again = false;
          if (this.isClosed) return done();
          if (this._dataMode) {
            if (at < data.length) this.onearlydata();
            return this.#take(data.subarray(at), done);
          }
          const end = data.indexOf(CRLF, at);
          if (end === -1) return done(this.#hold(data.subarray(at)));
          const line = data.subarray(at, end);
          at = end + CRLF.length;
          if (this.#dispatch(line, proceed, done)) return;
          count += 1;
          if (again && count % MAX_SYNC_COMMANDS === 0) return void setImmediate(proceed);
        }
      } finally {
        busy = false;
      }
    };
    proceed();
  }

  /** True when the line was far too long and the connection ends. */
  #dispatch(line: Buffer, proceed: () => void, done: Callback): boolean {
    const length = this.#thrownAway + line.length;
    this.#thrownAway = 0;
    if (length > MAX_THROWN_AWAY) {
      done(this._commandTooLong());
      return true;
    }
    if (length > this._maxCommandLength) this.onoverlong(proceed);
    else this.oncommand(line, proceed);
    return false;
  }

  /** Keeps the start of a line; of one that is too long, only its length and a CR at its end. */
  #hold(rest: Buffer): Error | undefined {
    // A CR at the end may be half of the line end, which does not count.
    const keep = rest.at(-1) === CR ? 1 : 0;
    if (this.#thrownAway + rest.length - keep > this._maxCommandLength) {
      this.#thrownAway += rest.length - keep;
      this.#held = keep === 1 ? Buffer.from('\r') : undefined;
      return this.#thrownAway > MAX_THROWN_AWAY ? this._commandTooLong() : undefined;
    }
    // A copy: a few bytes must not keep a whole read buffer alive.
    this.#held = rest.length > 0 ? Buffer.from(rest) : undefined;
    return undefined;
  }

  #takeData(chunk: Buffer, done: Callback): void {
    const { content, end } = this.#decoder.feed(chunk);
    this.received += chunk.length;
    this.dataBytes += content?.length ?? 0;
    const wait = content === undefined ? undefined : this.#message?.write(content);
    const proceed = (): void => {
      if (end === -1) done();
      else this.#endData(chunk.subarray(end), done);
    };
    if (wait === undefined) proceed();
    else wait.then(proceed, proceed);
  }

  /** The rest is taken up after continue(), which the answer to the message triggers. */
  #endData(rest: Buffer, done: Callback): void {
    const message = this.#message;
    const decoder = this.#decoder;
    const early = this._continueCallback === true;
    this._dataMode = false;
    this.#message = undefined;
    this._continueCallback = early ? false : () => this.#take(rest, done);
    message?.end(decoder);
    if (early) this.#take(rest, done);
  }
}
