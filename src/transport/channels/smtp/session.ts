/**
 * One SMTP or LMTP session with a next hop: opened within limits, used for one transaction after another, closed politely.
 *
 * Every wait has a limit: connecting, the greeting with all that follows up to EHLO, each transaction, RSET, QUIT. TLS is
 * opportunistic (RFC 7435): no certificate is checked, and where the handshake fails the session goes on in the clear.
 */
import { withDeadline } from '../../../base/deadline.ts';
import type { Reply } from '../../../mail/outcome.ts';
import { connectionTrouble, parseReply, protocolError } from '../../replies.ts';
import type { SessionSettings } from '../../settings.ts';
import { MailConnection } from './connection.ts';
import type { Transaction } from './dialogue.ts';
import { describeTarget, dial, type Target } from './dial.ts';
import type { ConnectionOptions } from './nodemailer-internals.ts';
import type { Transcript } from './transcript.ts';

/** Largest reply that is read, in bytes. */
const MAX_REPLY = 64 * 1024;
/** How long the next hop has to answer QUIT, in ms. */
const QUIT_MS = 2000;
/** Slowest next hop that gets a whole message, in bytes a millisecond. */
const MIN_RATE = 50;
/**
 * For each recipient, in ms: a next hop may look each of them up somewhere. RFC 5321 section 4.5.3.2.3 allows 5 minutes, but a
 * hundred of those would hold a lane for a working day.
 */
const RCPT_MS = 15_000;
const MOST_RCPTS_MS = 10 * 60_000;

export interface OpenOptions {
  readonly target: Target;
  readonly lmtp: boolean;
  readonly settings: SessionSettings;
  /** Given: end soon. */
  readonly signal: AbortSignal;
  /** From the connection to the reply to EHLO, where that is less than the settings allow. */
  readonly patienceMs?: number | undefined;
}

/** Resolves with a session after EHLO, or with the reply that says why not. */
export async function openSession(options: OpenOptions): Promise<Session | Reply> {
  const first = await tryOpen(options, options.settings.tls === 'opportunistic' && options.target.port !== undefined);
  if (!('tlsFailed' in first)) return first;
  // It may have failed because we cut it short.
  if (options.signal.aborted) return first.tlsFailed;
  const second = await tryOpen(options, false);
  return 'tlsFailed' in second ? second.tlsFailed : second;
}

export class Session {
  readonly remote: string;
  /** Transactions begun. */
  used = 0;
  readonly #connection: MailConnection;
  readonly #settings: SessionSettings;
  #ended = false;

  constructor(connection: MailConnection, remote: string, settings: SessionSettings) {
    this.#connection = connection;
    this.remote = remote;
    this.#settings = settings;
    connection.on('end', () => (this.#ended = true));
  }

  /** False when the next transaction needs a new session. */
  get usable(): boolean {
    return !this.#ended && this.#connection.inSync && this.used < this.#settings.messagesPerConnection;
  }

  /** The next transaction may begin now, although the answer to the content of the last one is still to come. */
  get overlaps(): boolean {
    return !this.#ended && this.#connection.overlaps && this.used < this.#settings.messagesPerConnection;
  }

  get secure(): boolean {
    return this.#connection.secure;
  }

  /** Bytes the next hop takes at most; 0: not known (RFC 1870). */
  get maxSize(): number {
    return this.#connection._maxAllowedSize;
  }

  get lmtp(): boolean {
    return this.#connection.options.lmtp === true;
  }

  get deliverByLeast(): number | undefined {
    return this.#connection.deliverByLeast;
  }

  offers(extension: Parameters<MailConnection['offers']>[0]): boolean {
    return this.#connection.offers(extension);
  }

  /** Sends one message and leaves the session ready for the next, or ended. `sent`: only the answer to the content is awaited. */
  async transact(transaction: Transaction, sent?: (transcript: Transcript) => void): Promise<Transcript> {
    const { commandMs, dataMs } = this.#settings;
    this.used += 1;
    // The answer that the message before still waits for comes out of this time as well.
    const before = this.#connection.overlaps ? dataMs : 0;
    const rcpts = Math.min(MOST_RCPTS_MS, RCPT_MS * (transaction.recipients.length - 1));
    const limit = commandMs + rcpts + dataMs + transaction.size / MIN_RATE + before;
    const timer = setTimeout(() => this.#fail(`transaction took longer than ${Math.round(limit)} ms`), limit);
    const transcript = await this.#connection.transact(transaction, sent);
    clearTimeout(timer);
    await this.#settle(transcript);
    return transcript;
  }

  /** QUIT, and an end soon whatever is answered. */
  quit(): void {
    if (this.#ended) return;
    if (!this.#connection.inSync) return this.abort();
    this.#connection.quit();
    const timer = setTimeout(() => this.abort(), QUIT_MS);
    this.#connection.once('end', () => clearTimeout(timer));
  }

  /** Ends the connection at once; a transaction under way ends as lost. */
  abort(): void {
    this.#connection.close();
  }

  #fail(why: string): void {
    this.#connection._onError(new Error(why), 'ETIMEDOUT', false, 'CONN');
  }

  async #settle({ bodyBegun, dotSent, error }: Transcript): Promise<void> {
    if (this.#ended) return;
    // An answer that came before the content was sent: nobody knows any more what the next hop reads as commands.
    if (bodyBegun && !dotSent) return this.abort();
    if (bodyBegun || error === undefined) return;
    await withDeadline(this.#reset(), this.#settings.commandMs, 'RSET').catch(() => this.abort());
  }

  /** The transaction was refused before its content: some next hops keep its sender till RSET. */
  #reset(): Promise<void> {
    return new Promise((resolve) => {
      this.#connection.once('end', resolve);
      this.#connection.reset((error) => {
        this.#connection.off('end', resolve);
        if (error) this.abort();
        resolve();
      });
    });
  }
}

type Attempt = Session | Reply | { readonly tlsFailed: Reply };

async function tryOpen(options: OpenOptions, tls: boolean): Promise<Attempt> {
  const { target, settings, signal } = options;
  const remote = describeTarget(target);
  const socket = await dial(target, settings.connectMs, signal);
  if (socket instanceof Error) return connectionTrouble(socket, remote);
  const connection = new MailConnection(connectionOptions({ ...options, tls, socket }), settings.dataMs);
  const error = await greet(connection, options);
  if (error === undefined && connection.inSync) return new Session(connection, remote, settings);
  connection.close();
  if (error === undefined) return protocolError('more replies than commands', remote);
  const why = refusal(error, remote);
  return connection.upgrading === true || error.code === 'ETLS' ? { tlsFailed: why } : why;
}

function connectionOptions(
  options: OpenOptions & { tls: boolean; socket: ConnectionOptions['connection'] },
): ConnectionOptions {
  const { target, lmtp, settings, tls, socket } = options;
  return {
    connection: socket,
    host: target.host,
    port: target.port ?? 24,
    // Port 465 would mean TLS from the first byte to nodemailer.
    secure: false,
    name: settings.hostname,
    lmtp,
    ignoreTLS: !tls,
    opportunisticTLS: true,
    tls: { rejectUnauthorized: false },
    connectionTimeout: settings.connectMs + settings.greetingMs,
    greetingTimeout: settings.greetingMs,
    socketTimeout: settings.commandMs,
    socketCloseTimeout: QUIT_MS,
    maxResponseSize: MAX_REPLY,
  };
}

interface GreetError extends Error {
  readonly code?: string | undefined;
  readonly response?: string | undefined;
}

/** From the connected socket to the reply to EHLO; undefined when all went well. */
function greet(
  connection: MailConnection,
  { settings, signal, patienceMs = Infinity }: OpenOptions,
): Promise<GreetError | undefined> {
  const limit = Math.min(settings.greetingMs + settings.commandMs, patienceMs);
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish(new Error(`no session after ${limit} ms`)), limit);
    const onEnd = (): void => finish(new Error('connection closed before a session began'));
    const onAbort = (): void => finish(new Error('closing'));
    function finish(error?: GreetError): void {
      clearTimeout(timer);
      connection.off('end', onEnd);
      signal.removeEventListener('abort', onAbort);
      resolve(error);
    }
    // The listener stays: an 'error' nobody listens to would end the process. Later ones come by transact() as well.
    connection.on('error', finish);
    connection.once('end', onEnd);
    // One that was given before is told to no listener.
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    connection.connect(finish);
  });
}

/** The greeting's own words where it had some. Never permanent: another time, or another host, may take the mail. */
function refusal(error: GreetError, remote: string): Reply {
  const said = error.response === undefined ? undefined : parseReply(error.response, remote);
  if (said === undefined) return connectionTrouble(error, remote);
  if (said.code >= 400 && said.code < 500) return said;
  return protocolError(`${said.code} ${said.status} ${said.text}`, remote);
}
