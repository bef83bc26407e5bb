/**
 * Submits one message by SMTP to a listener of a farm and tells what became of it, as a value.
 *
 * One connection, one message: this is what commands use; the transports keep their own sessions. It never
 * retries. TLS is not asked for: the listener is on this machine. The caller owns the content and may read it
 * again after any answer but `accepted`.
 */
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Endpoint } from './endpoint.ts';
import { oneLine } from '../base/text.ts';
import { connectEndpoint } from './endpoint.ts';
import { HoldingConnection } from './holding-connection.ts';

/** The error that nodemailer's connection reports, as far as it matters here. */
interface SmtpError extends Error {
  readonly responseCode?: number | undefined;
  readonly response?: string | undefined;
  readonly recipient?: string | undefined;
  readonly rejectedErrors?: readonly SmtpError[] | undefined;
  /** Kind of error: EENVELOPE and EMESSAGE without an answer are refusals of our own side. */
  readonly code?: string | undefined;
}

/** Delivery status notifications wished for, the same for all recipients (RFC 3461). */
export interface DsnWishes {
  /** `NEVER`, or any of `SUCCESS`, `FAILURE`, `DELAY`. */
  readonly notify?: readonly string[];
  readonly ret?: 'FULL' | 'HDRS';
  readonly envid?: string;
}

export interface Submission {
  readonly to: Endpoint;
  /** What to call ourselves in EHLO. */
  readonly name: string;
  readonly envelope: { readonly sender: string; readonly recipients: readonly string[] };
  /** The message with CRLF line ends, not dot-stuffed. */
  readonly content: Buffer | Readable;
  /** Bytes of content, for SIZE. */
  readonly size?: number;
  /** The content has bytes above 127. */
  readonly eightBit?: boolean;
  readonly dsn?: DsnWishes;
  /** Seconds that the listener is to keep the message before it is delivered, where it offers that (RFC 4865). */
  readonly holdFor?: number | undefined;
  readonly deadlines?: Partial<Deadlines>;
}

/** Limits of waiting, in milliseconds. */
export interface Deadlines {
  readonly connectMs: number;
  readonly greetingMs: number;
  /** Silence within the session, up to the answer to the message's end. */
  readonly silenceMs: number;
}

/** A recipient that was refused while others were taken, or with all of them. */
export interface RefusedRecipient {
  readonly address: string;
  readonly code: number;
  readonly text: string;
}

export type SubmitResult =
  /** The farm answers for the message; `refused` lists recipients that it did not take. */
  | { readonly kind: 'accepted'; readonly text: string; readonly refused: readonly RefusedRecipient[] }
  /** The farm said no, to the session or to the message (`refused` is empty) or to each recipient. */
  | {
      readonly kind: 'refused';
      readonly code: number;
      readonly text: string;
      readonly refused: readonly RefusedRecipient[];
    }
  /** Nobody listens. Nothing was said. */
  | { readonly kind: 'unreachable'; readonly why: string }
  /** The connection broke before the answer: after the content's end the farm may have the message nevertheless. */
  | { readonly kind: 'lost'; readonly why: string };

/** RFC 5321 section 4.5.3.2.6 grants the server ten minutes to answer the message's end. */
const DEADLINES: Deadlines = { connectMs: 10_000, greetingMs: 60_000, silenceMs: 660_000 };

/** Submits `submission.content`. Never rejects for what a server or a network does. */
export async function submit(submission: Submission): Promise<SubmitResult> {
  const deadlines = { ...DEADLINES, ...submission.deadlines };
  const connected = await connectEndpoint(submission.to, deadlines.connectMs);
  if (!connected.ok) return { kind: 'unreachable', why: connected.why };
  const session = openSession(connected.socket, submission, deadlines);
  const trouble = await greet(session);
  if (trouble) return resultOfError(trouble);
  const result = await send(session, submission);
  session.quit();
  return result;
}

function openSession(
  socket: Socket,
  { name, holdFor = 0 }: Pick<Submission, 'name' | 'holdFor'>,
  deadlines: Deadlines,
): HoldingConnection {
  const options = {
    connection: socket,
    name,
    ignoreTLS: true,
    connectionTimeout: deadlines.connectMs + deadlines.greetingMs,
    greetingTimeout: deadlines.greetingMs,
    socketTimeout: deadlines.silenceMs,
    socketCloseTimeout: 1000,
  };
  const session = new HoldingConnection(options, holdFor);
  // Trouble reaches us through the callbacks; without a listener a late error would end the process.
  session.on('error', () => {});
  return session;
}

function greet(session: HoldingConnection): Promise<SmtpError | undefined> {
  return new Promise((resolve) => {
    session.once('error', resolve);
    session.connect((error) => resolve(error));
    session.once('end', () => resolve(new Error('the connection was closed before the greeting')));
  });
}

function send(session: HoldingConnection, submission: Submission): Promise<SubmitResult> {
  const { envelope, content, dsn } = submission;
  const wire = {
    from: envelope.sender,
    to: [...envelope.recipients],
    size: submission.size,
    use8BitMime: submission.eightBit,
    dsn: dsn && { ret: dsn.ret, envid: dsn.envid, notify: dsn.notify && [...dsn.notify] },
  };
  return new Promise((resolve) => {
    session.send(wire, content, (error, info) => {
      if (error) return resolve(resultOfError(error));
      const refused = (info.rejectedErrors ?? []).map(refusedRecipient);
      return resolve({ kind: 'accepted', text: oneLine(info.response), refused });
    });
  });
}

/** An error with an answer in it is a refusal; without one, the session broke. */
function resultOfError(error: SmtpError): SubmitResult {
  // Larger than the SIZE that the server announced, or an address that can't be written into a command.
  if (error.responseCode === undefined && (error.code === 'EMESSAGE' || error.code === 'EENVELOPE')) {
    const code = error.code === 'EMESSAGE' ? 552 : 553;
    return { kind: 'refused', code, text: oneLine(error.message), refused: [] };
  }
  if (error.responseCode === undefined || error.responseCode < 400)
    return { kind: 'lost', why: oneLine(error.message) };
  return {
    kind: 'refused',
    code: error.responseCode,
    text: oneLine(error.response ?? error.message),
    refused: (error.rejectedErrors ?? []).map(refusedRecipient),
  };
}

function refusedRecipient(error: SmtpError): RefusedRecipient {
  return {
    address: error.recipient ?? '',
    code: error.responseCode ?? 451,
    text: oneLine(error.response ?? error.message),
  };
}
