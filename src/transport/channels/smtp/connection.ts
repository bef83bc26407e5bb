/**
 * nodemailer's SMTP connection, made strict and made to keep what it hears.
 *
 * Changed: each reply is kept by command; replies that break the grammar, or change their code from line to line, end the
 * connection; only 354 opens the content; DSN parameters by recipient; content leaves through dot-stuffing.ts with native
 * searches. It never sends a message twice and never decides what a reply means.
 *
 * States: connecting → idle ⇄ in a transaction → ended. The caller bounds every wait and calls close() past it.
 */
import type { Readable } from 'node:stream';
import { isWellFormed } from '../../replies.ts';
import { DotStuffing, endOfData, settleLineEnds, stuffDots } from './dot-stuffing.ts';
import { ConnectionBase, type Answered, type ConnectionOptions } from './nodemailer-internals.ts';
import { newTranscript, type Transcript } from './transcript.ts';

/** One mail transaction: who to whom, with which parameters. */
export interface Transaction {
  readonly sender: string;
  readonly recipients: readonly string[];
  /** Bytes of content. */
  readonly size: number;
  readonly eightBit: boolean;
  readonly smtputf8: boolean;
  readonly ret?: 'FULL' | 'HDRS' | undefined;
  readonly envid?: string | undefined;
  /** Parameters of RCPT by recipient, ready for the wire, if the next hop offers DSN. */
  readonly rcptParameters: ReadonlyMap<string, string>;
  readonly content: Buffer | Readable;
}

export class MailConnection extends ConnectionBase {
  readonly #dataMs: number;
  #transcript = newTranscript();
  #transaction: Transaction | undefined;

  /** `dataMs`: how long nothing may move while content is sent or its reply awaited; options.socketTimeout at all other times. */
  constructor(options: ConnectionOptions, dataMs: number) {
    super(options);
    this.#dataMs = dataMs;
  }

  /** Sends one message; resolves with what was said, also when the connection ends meanwhile. One at a time. */
  transact(transaction: Transaction): Promise<Transcript> {
    const transcript = newTranscript();
    this.#transcript = transcript;
    this.#transaction = transaction;
    return new Promise((resolve) => {
      const finish = (error?: Error | null): void => {
        this.off('end', onEnd);
        this.#limitSilence(this.options.socketTimeout);
        if (error) transcript.error ??= error;
        if (!Buffer.isBuffer(transaction.content)) transaction.content.destroy();
        resolve(transcript);
      };
      // close() forgets the callback of send(). Where there is a better reason, that callback comes in this very turn.
      const onEnd = (): void => void setImmediate(() => finish(new Error('connection closed')));
      this.once('end', onEnd);
      this.send(this.#envelope(transaction), transaction.content, finish);
    });
  }

  /** False when bytes came that no command asked for: the next reply would be taken for another's. */
  get inSync(): boolean {
    return this._responseQueue.length === 0 && this._remainder === '' && this._responseActions.length === 0;
  }

  offers(extension: 'SMTPUTF8' | 'DSN' | '8BITMIME' | 'PIPELINING' | 'SIZE'): boolean {
    return this._supportedExtensions.includes(extension);
  }

  #envelope(transaction: Transaction): Parameters<MailConnection['send']>[0] {
    const { sender, recipients, size, eightBit, ret, envid } = transaction;
    return { from: sender, to: [...recipients], size, use8BitMime: eightBit, dsn: { ret, envid } };
  }

  override _processResponse(): boolean | void {
    const head = this._responseQueue[0];
    const complete = head !== undefined && head.trim() !== '' && !/^\d+-/.test(head.slice(head.lastIndexOf('\n') + 1));
    if (complete && !isWellFormed(head)) {
      return this._onError(new Error('malformed reply'), 'EPROTOCOL', false, 'CONN');
    }
    return super._processResponse();
  }

  override _sendCommand(command: string, logged?: string): void {
    const wanted = this.#transaction?.smtputf8 === true && this.offers('SMTPUTF8') && command.startsWith('MAIL FROM:');
    // nodemailer gives the parameter only for addresses that need it, not for header fields (RFC 6531 section 3.4).
    const given = command.slice(command.lastIndexOf('>')).includes(' SMTPUTF8');
    super._sendCommand(wanted && !given ? `${command} SMTPUTF8` : command, logged);
  }

  override _getDsnRcptToArgs(): string {
    const recipient = this._recipientQueue.at(-1);
    const parameters = recipient === undefined ? undefined : this.#transaction?.rcptParameters.get(recipient);
    return parameters !== undefined && this.offers('DSN') ? ` ${parameters}` : '';
  }

  override _actionMAIL(reply: string, callback: Answered): void {
    this.#transcript.mail = reply;
    super._actionMAIL(reply, callback);
  }

  override _actionRCPT(reply: string, callback: Answered): void {
    const recipient = this._recipientQueue[0];
    if (recipient !== undefined) this.#transcript.rcpt.set(recipient, reply);
    super._actionRCPT(reply, callback);
  }

  override _actionDATA(reply: string, callback: Answered): void {
    this.#transcript.data = reply;
    const wrong = this.#whyNoContent(reply);
    if (wrong === undefined) return super._actionDATA(reply, callback);
    this.close();
    callback(new Error(wrong));
  }

  override _actionSMTPStream(reply: string, callback: Answered): void {
    this.#transcript.final = reply;
    super._actionSMTPStream(reply, callback);
  }

  override _actionLMTPStream(recipient: string, final: boolean, reply: string, callback: Answered): void {
    this.#transcript.finals.set(recipient, reply);
    super._actionLMTPStream(recipient, final, reply, callback);
  }

  /** Called after 354: whatever is returned gets the content, by write() and end() or by pipe(). */
  override _createSendStream(callback: Answered): unknown {
    const transcript = this.#transcript;
    const socket = this._socket;
    if (!socket) throw new Error('no socket');
    this.#expectFinals(callback);
    transcript.bodyBegun = true;
    this.#limitSilence(this.#dataMs);
    const onEnd = (): void => {
      transcript.dotSent = true;
    };
    if (Buffer.isBuffer(this.#transaction?.content)) {
      return { write: (content: Buffer) => (writeContent(socket, content), onEnd()), end: () => {} };
    }
    const stream = new DotStuffing(onEnd);
    this._currentDataStream = stream;
    stream.pipe(socket, { end: false });
    return stream;
  }

  /** Replies that are there before the content was sent would be taken for the answer to it. */
  #whyNoContent(reply: string): string | undefined {
    if (!/^[23]/.test(reply)) return undefined;
    if (!reply.startsWith('354')) return 'no 354 in reply to DATA';
    return this._responseQueue.length > 0 || this._remainder !== '' ? 'reply before the content was sent' : undefined;
  }

  #limitSilence(ms = 0): void {
    if (this._socket && !this._destroyed) this._socket.setTimeout(ms);
  }

  #expectFinals(callback: Answered): void {
    const accepted = this._envelope === false ? [] : this._envelope.accepted;
    if (this.options.lmtp !== true) {
      this._responseActions.push((reply: string) => this._actionSMTPStream(reply, callback));
      return;
    }
    const last = accepted.length - 1;
    // A copy: nodemailer takes the refused out of the array while the replies come in.
    for (const [at, recipient] of [...accepted].entries()) {
      this._responseActions.push((reply: string) => this._actionLMTPStream(recipient, at === last, reply, callback));
    }
  }
}

interface Corked {
  cork(): void;
  write(bytes: Buffer): unknown;
  uncork(): void;
}

function writeContent(socket: Corked, content: Buffer): void {
  const settled = settleLineEnds(content);
  socket.cork();
  socket.write(stuffDots(settled));
  socket.write(endOfData(settled));
  socket.uncork();
}
