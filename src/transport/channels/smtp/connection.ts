/**
 * nodemailer's SMTP connection, which connects, greets, upgrades to TLS and takes its leave; the mail transactions are ours.
 *
 * Changed: a transaction is a Dialogue, and the next one may begin while the answer to a content is awaited; replies at hand are
 * taken in one go, not one for each turn of the event loop; replies that break the grammar, or change their code from line to
 * line, end the connection; content leaves through dot-stuffing.ts with native searches. It never decides what a reply means.
 *
 * States: connecting → idle ⇄ in one or two dialogues → ended. The caller bounds every wait and calls close() past it.
 */
import type { Readable } from 'node:stream';
import { isWellFormed } from '../../replies.ts';
import { Dialogue, type DialogueLine, type Extension, type Transaction } from './dialogue.ts';
import { DotStuffing, endOfData, settleLineEnds, stuffDots } from './dot-stuffing.ts';
import { ConnectionBase, type ConnectionOptions } from './nodemailer-internals.ts';
import type { Transcript } from './transcript.ts';

/** Content up to this size leaves in one piece with its end mark, in bytes: copying it costs less than a second piece. */
const ONE_PIECE = 16 * 1024;

const DELIVERBY = /^250[ -]DELIVERBY(?: +([0-9]{1,9}))? *$/im;

export class MailConnection extends ConnectionBase {
  readonly #dataMs: number;
  /** At most two: one whose answer is awaited, and the next. */
  readonly #dialogues = new Set<Dialogue>();
  readonly #line: DialogueLine;
  #patient = false;
  #corked = false;
  #why: Error | undefined;
  #deliverByLeast: number | undefined;

  /** `dataMs`: how long nothing may move while content is sent or its reply awaited; options.socketTimeout at all other times. */
  constructor(options: ConnectionOptions, dataMs: number) {
    super(options);
    this.#dataMs = dataMs;
    this.#line = this.#makeLine(options.lmtp === true);
    this.on('error', (error: Error) => (this.#why ??= error));
    this.once('end', () => this.#endAll(this.#why ?? new Error('connection closed')));
  }

  /**
   * Sends one message; resolves with what was said, also when the connection ends meanwhile. `sent` is called when everything
   * is said and only the answer is awaited: if `overlaps` holds then, the next may begin.
   */
  transact(transaction: Transaction, sent?: (transcript: Transcript) => void): Promise<Transcript> {
    return new Promise((resolve) => {
      const dialogue = new Dialogue(transaction, this.#line, {
        sent: (transcript) => sent?.(transcript),
        done: (transcript) => {
          this.#dialogues.delete(dialogue);
          const [next] = this.#dialogues;
          // The next one waits for answers to commands, if there is one: its own content may take longer again.
          if (next === undefined || !next.transcript.bodyBegun) this.#limitSilence(this.options.socketTimeout, false);
          resolve(transcript);
        },
      });
      this.#dialogues.add(dialogue);
      const open = !this._destroyed && this._socket && this._socket.writable;
      if (open) dialogue.begin();
      else dialogue.end(this.#why ?? new Error('connection closed'));
    });
  }

  /** False when bytes came that no command asked for: the next reply would be taken for another's. */
  get inSync(): boolean {
    return this._responseQueue.length === 0 && this._remainder === '' && this._responseActions.length === 0;
  }

  /** A message may begin although the answer to the one before is still to come. */
  get overlaps(): boolean {
    const [only] = this.#dialogues;
    const awaits = this.#dialogues.size === 1 && only?.awaitsFinal === true;
    return awaits && this.offers('PIPELINING') && this.options.lmtp !== true && !this._destroyed;
  }

  /** The least time of mode R that the next hop takes, in seconds (RFC 2852); undefined: it knows of no such times. */
  get deliverByLeast(): number | undefined {
    return this.#deliverByLeast;
  }

  override _parseEhloExtensions(answer: string): void {
    const offer = DELIVERBY.exec(answer);
    this.#deliverByLeast = offer ? Number(offer[1] ?? 0) : undefined;
    super._parseEhloExtensions(answer);
  }

  offers(extension: Extension): boolean {
    return this._supportedExtensions.includes(extension);
  }

  /** While a dialogue is open all replies at hand are taken; before and after, nodemailer takes them its way. */
  override _processResponse(): boolean | void {
    while (this.#dialogues.size > 0 && !this._destroyed) {
      if (!this.#hasReply()) return;
      const reply = decodeReply(this._responseQueue.shift() ?? '');
      if (!isWellFormed(reply)) return this.#breakOff(new Error('malformed reply'));
      this.lastServerResponse = reply;
      const heard = this._responseActions.shift();
      heard?.call(this, reply);
      // RFC 5321 section 4.2.1: whatever it answers, it is about to close the connection.
      if (reply.startsWith('421'))
        return this.#breakOff(Object.assign(new Error('closing'), { response: reply }), true);
      if (heard === undefined) return this.#breakOff(new Error(`unexpected reply ${reply}`));
    }
    if (this.#hasReply() && !isWellFormed(this._responseQueue[0] ?? ''))
      return this.#breakOff(new Error('malformed reply'));
    return super._processResponse();
  }

  #makeLine(lmtp: boolean): DialogueLine {
    return {
      lmtp,
      offers: (extension) => this.offers(extension),
      takesDeliverBy: () => this.#deliverByLeast !== undefined,
      say: (commands, heard) => {
        this._responseActions.push(...heard);
        if (commands !== '' && this._socket) this._socket.write(commands);
      },
      hasEarlyReplies: () => this._responseQueue.length > 0 || this._remainder !== '',
      sendContent: ({ content, plain }, sent) => {
        this.#limitSilence(this.#dataMs, true);
        if (Buffer.isBuffer(content)) this.#sendBuffer(plain ? content : stuffDots(settleLineEnds(content)), sent);
        else this.#sendStream(content, sent);
      },
      breakOff: () => this.close(),
    };
  }

  /** Corked until the work at hand is done: the next envelope may leave in the same write. */
  #sendBuffer(content: Buffer, sent: () => void): void {
    const socket = this._socket;
    if (!socket) return;
    const end = endOfData(content);
    this.#cork();
    if (content.length <= ONE_PIECE) socket.write(Buffer.concat([content, end]));
    else {
      socket.write(content);
      socket.write(end);
    }
    sent();
  }

  #sendStream(content: Readable, sent: () => void): void {
    const stream = new DotStuffing();
    this._currentDataStream = stream;
    content.on('error', (error) => this.#breakOff(error));
    stream.once('end', () => {
      this._currentDataStream = false;
      sent();
    });
    content.pipe(stream);
    stream.pipe(this._socket || stream, { end: false });
  }

  #cork(): void {
    const socket = this._socket;
    if (this.#corked || !socket) return;
    this.#corked = true;
    socket.cork();
    // Behind all promises that the content's going resolves: they lead to the next message, if there is one.
    queueMicrotask(() =>
      process.nextTick(() => {
        this.#corked = false;
        socket.uncork();
      }),
    );
  }

  /** A complete reply is next in line; empty lines are passed over. */
  #hasReply(): boolean {
    while (this._responseQueue[0]?.trim() === '') this._responseQueue.shift();
    const head = this._responseQueue[0];
    return head !== undefined && !/^\d+-/.test(head.slice(head.lastIndexOf('\n') + 1));
  }

  #breakOff(error: Error, politely = false): void {
    this.#why ??= error;
    if (politely) this.close();
    else this._onError(error, 'EPROTOCOL', false, 'CONN');
  }

  #endAll(error: Error): void {
    for (const dialogue of this.#dialogues) dialogue.end(error);
  }

  #limitSilence(ms = 0, patient = false): void {
    if (this.#patient === patient || !this._socket || this._destroyed) return;
    this.#patient = patient;
    this._socket.setTimeout(ms);
  }
}

/** Replies have no charset (RFC 5321 section 4.2.1); nodemailer keeps each byte as a character. Most are UTF-8. */
function decodeReply(bytes: string): string {
  if (!/[\u0080-\u00ff]/.test(bytes)) return bytes;
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? bytes : text;
}
