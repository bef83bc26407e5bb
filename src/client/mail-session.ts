/**
 * One SMTP session with a listener of this machine that sends many small messages, one after the other, and tells exactly
 * what is known of each: taken, refused, or lost, and then whether the other end may have it.
 *
 * It never tries again and asks for no TLS. Every wait has a deadline; a session that broke is of no further use.
 */
import type { Socket } from 'node:net';
import { errorText, oneLine } from '../base/text.ts';
import { connectEndpoint, type Endpoint } from './endpoint.ts';

export interface SessionOptions {
  readonly to: Endpoint;
  /** What to call ourselves in EHLO. */
  readonly name: string;
  /** For the connection, and for each answer. Milliseconds. */
  readonly deadlineMs: number;
}

export type SendResult =
  | { readonly kind: 'accepted'; readonly text: string }
  | { readonly kind: 'refused'; readonly code: number; readonly text: string }
  /** `begun`: the content was on its way, so that the other end may have taken the message. */
  | { readonly kind: 'lost'; readonly why: string; readonly begun: boolean };

interface Answer {
  readonly code: number;
  readonly text: string;
}

/** Longest answer that is read, in characters. */
const MAX_ANSWER = 16_384;
const QUIT_MS = 1000;

/** Opens a session; the result tells why there is none. */
export async function openMailSession(options: SessionOptions): Promise<MailSession | SendResult> {
  const connected = await connectEndpoint(options.to, options.deadlineMs);
  if (!connected.ok) return { kind: 'lost', why: connected.why, begun: false };
  const session = new MailSession(connected.socket, options.deadlineMs);
  const refused = await session.hello(options.name);
  return refused ?? session;
}

/** States: idle → envelope → content → idle; broken from any of them, for good. */
export class MailSession {
  readonly #socket: Socket;
  readonly #deadlineMs: number;
  readonly #answers: Answer[] = [];
  #text = '';
  #waiting: ((answer: Answer | undefined) => void) | undefined;
  #broken: string | undefined;

  constructor(socket: Socket, deadlineMs: number) {
    this.#socket = socket;
    this.#deadlineMs = deadlineMs;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => this.#receive(chunk));
    socket.on('error', (error) => this.#break(errorText(error)));
    socket.on('close', () => this.#break('the connection was closed'));
  }

  /** Undefined when the session is open. */
  async hello(name: string): Promise<SendResult | undefined> {
    for (const command of [undefined, `EHLO ${name}`]) {
      if (command !== undefined) this.#socket.write(`${command}\r\n`);
      const answer = await this.#next();
      if (answer === undefined) return this.#lost(false);
      if (answer.code >= 400) return this.#refused(answer);
    }
    return undefined;
  }

  /** `content` has CRLF line ends, the last one included, and is not dot-stuffed. */
  async send(sender: string, recipient: string, content: Buffer): Promise<SendResult> {
    if (this.#broken !== undefined) return this.#lost(false);
    this.#socket.write(`MAIL FROM:<${sender}>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`);
    let refused: Answer | undefined;
    let last: Answer | undefined;
    for (let n = 0; n < 3; n += 1) {
      last = await this.#next();
      if (last === undefined) return refused === undefined ? this.#lost(false) : this.#refused(refused);
      if (last.code >= 400) refused ??= last;
    }
    if (refused !== undefined || last?.code !== 354) return this.#refused(refused ?? { code: 451, text: 'no 354' });
    this.#socket.write(stuff(content));
    const final = await this.#next();
    if (final === undefined) return this.#lost(true);
    return final.code < 300 ? { kind: 'accepted', text: final.text } : this.#refused(final);
  }

  /** Says good bye and does not wait for the answer for long. */
  quit(): void {
    this.#socket.end('QUIT\r\n');
    setTimeout(() => this.#socket.destroy(), QUIT_MS).unref();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #lost(begun: boolean): SendResult {
    return { kind: 'lost', why: oneLine(this.#broken ?? 'lost'), begun };
  }

  /** After a refusal it is not worth knowing which state the session is in. */
  #refused({ code, text }: Answer): SendResult {
    this.quit();
    this.#broken ??= 'refused';
    return { kind: 'refused', code, text };
  }

  /** The next answer; undefined when the session broke, or broke because none came in time. */
  #next(): Promise<Answer | undefined> {
    const ready = this.#answers.shift();
    if (ready !== undefined || this.#broken !== undefined) return Promise.resolve(ready);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#break(`no answer within ${this.#deadlineMs} ms`), this.#deadlineMs);
      this.#waiting = (answer) => {
        clearTimeout(timer);
        this.#waiting = undefined;
        resolve(answer);
      };
    });
  }

  #receive(chunk: string): void {
    this.#text += chunk;
    for (;;) {
      const match = /^(?:\d{3}-.*\r?\n)*(\d{3})(?: (.*))?\r?\n/.exec(this.#text);
      if (match === null) break;
      this.#text = this.#text.slice(match[0].length);
      const answer = { code: Number(match[1]), text: oneLine(match[2] ?? '') };
      if (this.#waiting === undefined) this.#answers.push(answer);
      else this.#waiting(answer);
    }
    if (this.#text.length > MAX_ANSWER || this.#answers.length > 10) this.#break('it says too much');
  }

  #break(why: string): void {
    this.#broken ??= why;
    this.#socket.destroy();
    this.#waiting?.(undefined);
  }
}

/** Dot-stuffed and ended (RFC 5321 section 4.5.2). */
function stuff(content: Buffer): Buffer {
  const text = content.toString('latin1');
  return Buffer.from(`${text.replaceAll(/^\./gm, '..')}.\r\n`, 'latin1');
}
