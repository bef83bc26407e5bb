/**
 * One listener: smtp-server with our connection, parser and answers. Its socket is bound by the supervisor; here it only
 * listens on the inherited descriptor. Refusals and limits are the desk's, content goes to `receive`.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { SMTPServer } from 'smtp-server';
import type { SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import type { SMTPServerDataStream, SMTPServerSession } from 'smtp-server/lib/types.js';
import { errorCode, errorText } from '../base/text.ts';
import { connectionOf, FarmConnection, HANDSHAKE_MS, type SessionDesk } from './connection.ts';
import { asMessageStream, type MessageStream } from './message-stream.ts';
import { asReplyError, REFUSALS, type Refusal } from './replies.ts';

export interface ServerOptions {
  readonly hostname: string;
  readonly protocol: 'smtp' | 'lmtp';
  readonly tls: 'none' | 'starttls' | 'implicit';
  /** PEM text. */
  readonly key?: string;
  readonly cert?: string;
  readonly desk: SessionDesk;
  /** Sets the sink of the stream before it returns; resolves with the answer. */
  readonly receive: (stream: MessageStream, connection: FarmConnection) => Promise<DataAnswer>;
  readonly onTrouble: (event: string, fields: Record<string, unknown>) => void;
}

/** The answer to a message: accepted with this text, or refused. */
export type DataAnswer = { readonly accepted: string } | Refusal;

type DataCallback = (error?: Error | null, message?: string | string[]) => void;

const DISABLED = ['AUTH', 'WIZ', 'SHELL', 'KILL', 'XCLIENT', 'XFORWARD'];

/** An option of net.createServer(), which gets all that smtp-server got. */
const ANSWER_TO_THE_END = { allowHalfOpen: true };

export class FarmServer extends SMTPServer {
  readonly #options: ServerOptions;
  #lastTrouble = -Infinity;

  constructor(options: ServerOptions) {
    super({
      name: options.hostname,
      banner: 'Mailfarm',
      heloResponse: '%s greets %s',
      lmtp: options.protocol === 'lmtp',
      secure: options.tls === 'implicit',
      ...(options.key !== undefined && { key: options.key }),
      ...(options.cert !== undefined && { cert: options.cert }),
      disabledCommands: options.tls === 'starttls' ? DISABLED : [...DISABLED, 'STARTTLS'],
      size: options.desk.messageSize,
      socketTimeout: options.desk.commandMs,
      // smtp-server's own bound on TLS handshakes; the desk counts them and the sessions.
      maxClients: options.desk.connections,
      // Reverse lookups go through the thread pool, where dead name servers would hold up every file operation.
      disableReverseLookup: true,
      hideENHANCEDSTATUSCODES: false,
      hideDSN: false,
      logger: false,
      // A client may end its side and wait for the answers: our side ends when all it sent is answered (FarmConnection).
      ...ANSWER_TO_THE_END,
    });
    this.#options = options;
    this.on('error', (error: Error) => this.#trouble(error));
  }

  override connect(socket: Socket | TLSSocket, socketOptions?: SMTPConnectionOptions): void {
    const connection = new FarmConnection(this, socket, socketOptions ?? {}, this.#options.desk);
    this.connections.add(connection);
    connection.on('error', (error: Error) => {
      this.#options.onTrouble('client-lost', { ip: connection.remoteAddress, why: errorText(error) });
    });
    connection.init();
  }

  /**
   * The TLS handshake of an implicit listener, before there is a session. smtp-server's own limit is on silence: a client that
   * sends a byte now and then would keep its socket for ever.
   */
  override _upgrade(socket: Socket, callback: (error: Error | null, secure?: TLSSocket) => void): void {
    const leave = this.#options.desk.admitHandshake(plainAddress(socket));
    if (leave === undefined) {
      // There is nothing to say before the handshake.
      socket.destroy();
      return;
    }
    // From above: a handshake that is torn down from below can end the process.
    const gone = (): void => void this._pendingSockets.get(socket)?.destroy();
    const timer = setTimeout(gone, HANDSHAKE_MS);
    super._upgrade(socket, (error, secure) => {
      clearTimeout(timer);
      secure?.off('end', gone);
      leave();
      callback(error, secure);
    });
    // Our side does not end by itself (ANSWER_TO_THE_END), and of half a handshake nothing comes any more.
    this._pendingSockets.get(socket)?.once('end', gone);
  }

  override onConnect(_session: SMTPServerSession, callback: (error?: Error | null) => void): void {
    callback();
  }

  override onData(stream: SMTPServerDataStream, session: SMTPServerSession, callback: DataCallback): void {
    const connection = connectionOf(session);
    const accepted = connection.transaction?.accepted ?? 1;
    const answer = (what: DataAnswer): void => {
      if ('code' in what) this.#options.desk.refused(connection, what);
      connection.answerData('accepted' in what, () =>
        callback(null, repeat(what, this.#answers(accepted)) as string[]),
      );
    };
    this.#options.receive(asMessageStream(stream), connection).then(answer, (error: unknown) => {
      this.#options.onTrouble('receive-failed', { ip: connection.remoteAddress, why: errorText(error) });
      answer(REFUSALS.storage);
    });
  }

  /** Resolves when clients can connect. */
  start(where: { readonly fd: number }): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(where, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
  }

  /** Stops to accept in this process; the port stays with the supervisor. Sessions go on. */
  stopListening(): void {
    this.server.close();
  }

  /** LMTP answers once for each accepted RCPT (RFC 2033 section 4.2). */
  #answers(accepted: number): number {
    return this.#options.protocol === 'lmtp' ? accepted : 1;
  }

  /** The kernel keeps the connection waiting, or libuv turned it away; either way the others go on. */
  #trouble(error: Error): void {
    const now = performance.now();
    // Out of descriptors, this comes with every connection: once a second says it all.
    if (now - this.#lastTrouble < 1000) return;
    this.#lastTrouble = now;
    const code = errorCode(error);
    const event = code === 'EMFILE' || code === 'ENFILE' ? 'no-descriptors' : 'client-trouble';
    this.#options.onTrouble(event, { code, why: errorText(error) });
  }
}

/** As sessions have it: clients of a dual-stack socket count as IPv4. '' on a Unix socket, and when the client is gone. */
function plainAddress({ remoteAddress = '' }: Socket): string {
  return remoteAddress.replace(/^::ffff:/i, '').toLowerCase();
}

function repeat(answer: DataAnswer, count: number): (string | Error)[] {
  const one = 'accepted' in answer ? answer.accepted : asReplyError(answer);
  return Array.from({ length: count }, () => one);
}
