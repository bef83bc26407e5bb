/**
 * A next hop for tests: an SMTP or LMTP server that keeps a ledger of all it took, and answers as it is told.
 *
 * The ledger is written when the last answer is decided: what it holds was delivered, whether or not the sender heard so.
 */
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { testId } from './content.ts';

export interface Received {
  /** X-Test-Id of the message. */
  readonly id: string | undefined;
  readonly from: string;
  readonly to: readonly string[];
  readonly content: Buffer;
  /** Of the connection, from 1. */
  readonly session: number;
  readonly at: number;
}

/** An SMTP answer other than 250, as `451 4.2.0 later`. */
export type Answer = string | undefined;

export interface SinkOptions {
  readonly protocol?: 'smtp' | 'lmtp';
  /** Path of a Unix socket, instead of a port. */
  readonly path?: string;
  readonly port?: number;
  readonly onConnect?: () => Answer;
  readonly onMail?: (from: string) => Answer;
  readonly onRcpt?: (to: string) => Answer | Promise<Answer>;
  /** Asked once the whole message is there; for LMTP once for each recipient. */
  readonly onData?: (to: string, content: Buffer) => Answer | Promise<Answer>;
  readonly size?: number;
}

export interface Sink {
  readonly port: number;
  readonly ledger: Received[];
  /** Messages by id: how often each came. */
  counts(): Map<string, number>;
  /** Recipients by id and address: how often each copy came. */
  copies(): Map<string, number>;
  readonly sessions: number;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startSink(options: SinkOptions = {}): Promise<Sink> {
  const ledger: Received[] = [];
  let sessions = 0;
  const numbers = new WeakMap<SMTPServerSession, number>();
  const server = new SMTPServer({
    lmtp: options.protocol === 'lmtp',
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    ...(options.size === undefined ? {} : { size: options.size }),
    onConnect(session, done) {
      numbers.set(session, (sessions += 1));
      done(asError(options.onConnect?.()));
    },
    onMailFrom: (address, _session, done) => done(asError(options.onMail?.(address.address))),
    onRcptTo(address, _session, done) {
      void Promise.resolve(options.onRcpt?.(address.address)).then((answer) => done(asError(answer)));
    },
    onData(stream, session, done) {
      receive(stream, session).then((answers) => {
        const errors = answers.map(asError);
        // smtp-server takes one answer for SMTP, and one for each recipient for LMTP.
        if (options.protocol === 'lmtp')
          return done(
            null,
            errors.map((error) => error ?? 'ok'),
          );
        return done(errors[0] ?? null);
      }, done);
    },
  });

  async function receive(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<Answer[]> {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    const content = Buffer.concat(chunks);
    const to = session.envelope.rcptTo.map((one) => one.address);
    const from = session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address;
    const asked = options.protocol === 'lmtp' ? to : to.slice(0, 1);
    const answers = await Promise.all(asked.map(async (one) => options.onData?.(one, content)));
    const taken = options.protocol === 'lmtp' ? to.filter((_, n) => answers[n] === undefined) : to;
    if (answers.includes(undefined)) {
      const session_ = numbers.get(session) ?? 0;
      ledger.push({ id: testId(content), from, to: taken, content, session: session_, at: Date.now() });
    }
    return answers;
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (options.path === undefined) server.listen(options.port ?? 0, '127.0.0.1', resolve);
    else server.listen(options.path, resolve);
  });
  server.on('error', () => {
    // Broken connections are part of the tests.
  });
  const address = server.server.address();
  const close = (): Promise<void> => new Promise((resolve) => server.close(resolve));
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    ledger,
    counts: () => count(ledger.map((one) => one.id ?? '')),
    copies: () => count(ledger.flatMap((one) => one.to.map((to) => `${one.id} ${to}`))),
    get sessions() {
      return sessions;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function count(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/** smtp-server writes the code and the text of an error as its answer. */
function asError(answer: Answer): Error | undefined {
  if (answer === undefined) return undefined;
  return Object.assign(new Error(answer.slice(4)), { responseCode: Number(answer.slice(0, 3)) });
}
