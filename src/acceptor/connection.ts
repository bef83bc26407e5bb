/**
 * One client session: smtp-server's connection, held to our rules.
 *
 * States of a session: greeted → said hello → transaction (MAIL, RCPT…) → data → answered → …; smtp-server keeps them.
 * Added here: lines with control characters or bad UTF-8 never reach a parser; MAIL and RCPT are ours from the first byte;
 * errors and idle commands are counted; every state has a time limit (judgeTime, called from outside once a second);
 * the answers to a pipelined group leave in one write. It stores nothing and knows no other session.
 */
import { isUtf8 } from 'node:buffer';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import type { SMTPServer } from 'smtp-server';
import type { SMTPServerSession } from 'smtp-server/lib/types.js';
import { openTransaction, type MailRules } from './mail-command.ts';
import { addRecipient, type RcptRules } from './rcpt-command.ts';
import { refusal, REFUSALS, type Refusal } from './replies.ts';
import { StrictStream } from './smtp-stream-patch.ts';
import type { Transaction } from './transaction.ts';

/** What a session needs of the listener that accepted it. */
export interface SessionDesk extends Omit<MailRules, 'tenantOf'>, Omit<RcptRules, 'trusted'> {
  /** Whose mail of this sender it is; undefined when its header has to say it. */
  readonly tenantOf: (connection: FarmConnection, sender: string) => string | undefined;
  /** Undefined when there is a place for one more session of this client. */
  admit(connection: FarmConnection): Refusal | undefined;
  leave(connection: FarmConnection): void;
  /** As admit(), for a TLS handshake that comes before the session: what ends its count, or undefined when there is no place. */
  admitHandshake(ip: string): (() => void) | undefined;
  isTrusted(ip: string): boolean;
  /** Keywords for the answer to EHLO, beyond those of smtp-server. */
  extensions(trusted: boolean): readonly string[];
  /** For the log. */
  refused(connection: FarmConnection, refusal: Refusal, recipient?: string): void;
  /** Most sessions of the worker. */
  readonly connections: number;
  /** Refused commands before 421. */
  readonly errors: number;
  readonly commandMs: number;
  readonly dataMs: number;
  readonly sessionMs: number;
}

/** RFC 5321 section 4.5.3.1.4 asks for 512; the parameters of MAIL and RCPT add more (RFC 3461 section 5.4). */
const MAX_COMMAND = 2048;
/** Commands without a message that are free: NOOP, RSET and the like. */
const MAX_IDLE_COMMANDS = 100;
/** For the whole TLS handshake of a connection. */
export const HANDSHAKE_MS = 30_000;
/** Bytes per millisecond below which a transfer is slow, once dataMs have passed. */
const LEAST_RATE = 0.5;
const STATUS = /^[245]\.\d{1,3}\.\d{1,3} /;
const HTTP = /^(?:GET|POST|PUT|HEAD|OPTIONS|CONNECT|DELETE|TRACE|PATCH) /i;
const IDLE_COMMANDS = new Set(['NOOP', 'RSET', 'HELO', 'EHLO', 'LHLO', 'VRFY', 'HELP', 'EXPN']);
const CONTROL = /[\u0000-\u001f\u007f]/; // oxlint-disable-line no-control-regex -- they are what this is about

const BAD_LINE = refusal(
  500,
  '5.5.2',
  'bad-line',
  'Command lines are UTF-8 without control characters, and end in CRLF',
);
const TOO_LONG = refusal(500, '5.5.2', 'long-line', `Command lines have at most ${MAX_COMMAND} bytes`);
const NESTED = refusal(503, '5.5.1', 'sequence', 'A transaction is open: finish it with DATA, or give it up with RSET');
const NO_MAIL = refusal(503, '5.5.1', 'sequence', 'MAIL comes before RCPT');
const NO_HTTP = refusal(554, '5.5.1', 'http', 'This is a mail server; HTTP is spoken elsewhere');
const NO_EXPN = refusal(502, '5.5.1', 'expn', 'EXPN is not offered');
const NO_BDAT = refusal(502, '5.5.1', 'bdat', 'BDAT is not offered (no CHUNKING in the answer to EHLO)');

const connections = new WeakMap<SMTPServerSession, FarmConnection>();

/** The connection behind the session that smtp-server gives to its handlers. */
export function connectionOf(session: SMTPServerSession): FarmConnection {
  const connection = connections.get(session);
  if (connection === undefined) throw new TypeError('a session of another server');
  return connection;
}

export class FarmConnection extends SMTPConnection {
  transaction: Transaction | undefined;
  readonly trusted: boolean;
  readonly #desk: SessionDesk;
  readonly #mailRules: MailRules;
  readonly #opened = performance.now();
  /** Since when we wait for what the client sends next (performance.now()). */
  #waiting = performance.now();
  #errors = 0;
  #idleCommands = 0;
  #countsErrors = true;
  #corked = false;
  #draining = false;

  constructor(server: SMTPServer, socket: Socket | TLSSocket, options: SMTPConnectionOptions, desk: SessionDesk) {
    super(server, socket, options);
    this.#desk = desk;
    this.trusted = desk.isTrusted(this.remoteAddress);
    const { messageSize, closed, judgeTenant } = desk;
    this.#mailRules = {
      messageSize,
      futureReleaseMs: this.trusted ? desk.futureReleaseMs : 0,
      deliverByMs: this.trusted ? desk.deliverByMs : 0,
      closed,
      tenantOf: (sender) => desk.tenantOf(this, sender),
      judgeTenant,
    };
    connections.set(this.session, this);
  }

  /** Without the pause of 100 ms before the greeting: who talks before it is answered in order. */
  override init(): void {
    this._setListeners(() => {
      const refused = this.#desk.admit(this);
      if (refused !== undefined) return this.#turnAway(refused);
      this.connectionReady();
    });
  }

  override _createParser(): StrictStream {
    const parser = new StrictStream({ maxCommandLength: MAX_COMMAND });
    parser.oncommand = (command, callback) => this._onCommand(command, callback);
    parser.onoverlong = (callback) => this.#answer(TOO_LONG, callback);
    parser.onearlydata = () => this.#refuseEarlyData();
    parser.once('finish', () => this.#finish(parser));
    parser.on('error', () => this.refuse(refusal(421, '4.7.0', 'long-line', TOO_LONG.text)));
    return parser;
  }

  override _onCommand(line: Buffer, callback: () => void = noop): void {
    if (this._upgrading || !this._ready) return super._onCommand(line, callback);
    if (this.#draining && this.transaction === undefined) return this.refuse(REFUSALS.draining);
    const text = line.toString('latin1');
    if (CONTROL.test(text) || !isUtf8(line)) return this.#answer(BAD_LINE, callback);
    if (HTTP.test(text)) return this.#refuseAndClose(NO_HTTP);
    this.#countIdleCommand(text);
    this._unrecognizedCommands = 0;
    super._onCommand(line, callback);
  }

  override handler_MAIL(command: Buffer, callback: () => void): void {
    if (this.transaction !== undefined) return this.#answer(NESTED, callback);
    const opened = openTransaction(command.toString(), this.#mailRules);
    if ('code' in opened) return this.#answer(opened, callback);
    this.transaction = opened;
    this.session.envelope.mailFrom = { address: opened.sender, args: false };
    this.send(250, '2.1.0 Ok');
    callback();
  }

  override handler_RCPT(command: Buffer, callback: () => void): void {
    const transaction = this.transaction;
    if (transaction === undefined) return this.#answer(NO_MAIL, callback);
    const { policy, recipients, success } = this.#desk;
    const line = command.toString();
    const refused = addRecipient(line, transaction, { policy, recipients, success, trusted: this.trusted });
    if (refused !== undefined) return this.#answer(refused, callback, line.slice(8));
    // smtp-server only asks whether there are any.
    if (this.session.envelope.rcptTo.length === 0) this.session.envelope.rcptTo.push({ address: '', args: false });
    this.send(250, '2.1.5 Ok');
    callback();
  }

  handler_EXPN(_command: Buffer, callback: () => void): void {
    this.#answer(NO_EXPN, callback);
  }

  /** Closes: the octets that follow must not run as commands. */
  handler_BDAT(): void {
    this.#refuseAndClose(NO_BDAT);
  }

  override _resetSession(): void {
    super._resetSession();
    this.transaction = undefined;
    // After the answer that this reset goes with.
    if (this.#draining) setImmediate(() => this.drain());
  }

  /** All answers to one group of commands leave together; errors are counted. */
  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    const socket = this._socket;
    if (!this.#corked && !this._upgrading && !socket.destroyed) {
      this.#corked = true;
      socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        socket.uncork();
      });
    }
    this.#waiting = performance.now();
    if (socket.readyState === 'writeOnly') showAsOpen(socket);
    // Only the answer to EHLO comes as a list.
    const whole = Array.isArray(data) && code === 250 ? [...data, ...this.#desk.extensions(this.trusted)] : data;
    super.send(code, whole, typeof data === 'string' && STATUS.test(data) ? false : context);
    if (code >= 500 && this.#countsErrors) this.#countError();
  }

  /** Answers, and closes the session when the code is 421. Says it to the log, too. */
  refuse(refused: Refusal, recipient?: string): void {
    this.#desk.refused(this, refused, recipient);
    this.send(refused.code, `${refused.status} ${refused.text}`);
  }

  /** Runs what sends the answer to a message: a refused message is no protocol error. */
  answerData(accepted: boolean, sendAnswer: () => void): void {
    this.#countsErrors = false;
    sendAnswer();
    this.#countsErrors = true;
    this.#idleCommands = 0;
    if (accepted) this.#errors = 0;
  }

  /** No new transaction: an idle session ends now, the others after the answer to their message. */
  drain(): void {
    this.#draining = true;
    if (this.transaction === undefined && !this._dataStream && !this._closing) this.refuse(REFUSALS.draining);
  }

  /** Ends the session whatever it is doing. */
  expire(refused: Refusal): void {
    if (!this._closing) this.refuse(refused);
  }

  /** What is to be said to a client that is too slow; `now` as of performance.now(). */
  judgeTime(now: number): Refusal | undefined {
    if (this._closing || this._handlerPending) return undefined;
    const parser = this._parser;
    if (this._dataStream && parser instanceof StrictStream) {
      // The data is in: the client waits for us.
      if (!parser._dataMode) return undefined;
      const allowed = this.#desk.dataMs + parser.received / LEAST_RATE;
      return now - this.#waiting > allowed ? REFUSALS.dataTimeout : undefined;
    }
    const { commandMs } = this.#desk;
    const allowed = this._upgrading ? Math.min(commandMs, HANDSHAKE_MS) : commandMs;
    if (now - this.#waiting > allowed) return REFUSALS.commandTimeout;
    const old = now - this.#opened > this.#desk.sessionMs;
    return old && this.transaction === undefined ? REFUSALS.sessionTimeout : undefined;
  }

  override _onClose(): void {
    const first = !this._closed;
    super._onClose();
    this.transaction = undefined;
    if (first) this.#desk.leave(this);
  }

  /** The client ended its side, and all that it sent is answered: nobody waits for anything any more. */
  #finish(parser: StrictStream): void {
    if (this._parser === parser && !this._closed) this.close();
  }

  #answer(refused: Refusal, callback: () => void, recipient?: string): void {
    this.refuse(refused, recipient);
    // Not at once, as smtp-server does for bad commands: a flood of them must not starve other sessions.
    setImmediate(callback);
  }

  /** Without the patience that smtp-server has with closing clients: a flood must not hold descriptors. */
  #turnAway(refused: Refusal): void {
    this.refuse(refused);
    this._socket.destroySoon();
  }

  #refuseAndClose(refused: Refusal): void {
    this.refuse(refused);
    this.close();
  }

  /** Nobody needs to send content before 354; from strangers, it is an attempt to get past somebody's checks. */
  #refuseEarlyData(): void {
    if (!this.trusted) this.#refuseAndClose(REFUSALS.earlyData);
  }

  #countIdleCommand(text: string): void {
    if (!IDLE_COMMANDS.has(text.split(' ', 1)[0]?.toUpperCase() ?? '')) return;
    this.#idleCommands += 1;
    if (this.#idleCommands > MAX_IDLE_COMMANDS) this.#countError();
  }

  #countError(): void {
    this.#errors += 1;
    if (this.#errors === this.#desk.errors) this.refuse(REFUSALS.tooManyErrors);
  }
}

/** smtp-server answers on sockets that are open to both sides only; whoever ended its own side waits for answers as well. */
function showAsOpen(socket: Socket | TLSSocket): void {
  Object.defineProperty(socket, 'readyState', { get: () => (socket.writable ? 'open' : 'closed') });
}

function noop(): void {
  // smtp-server calls without a callback when it flushes a last line.
}
