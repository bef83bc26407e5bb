/**
 * Sends many messages over many sessions at once and keeps the sender's side of the ledger.
 *
 * Each message ends up in exactly one list: accepted (we read 250), refused for good (5xx), or unsure (the connection
 * died after the last dot: it may or may not have been taken). What was refused for now, or died earlier, is sent again.
 */
import { makeContent } from './content.ts';
import { SessionLost, SmtpSession, type SmtpAnswer } from './smtp-session.ts';

export interface SendOptions {
  readonly port: number;
  readonly from?: string;
  /** Recipients of the message with this number. */
  readonly to: readonly string[] | ((n: number) => readonly string[]);
  readonly count?: number;
  readonly content?: (id: string, n: number) => string | Buffer;
  /** Sessions at a time; default 1. */
  readonly sessions?: number;
  /** Ids are `PREFIX-0`, `PREFIX-1`, …; default m. */
  readonly prefix?: string;
  /** Messages a session sends before it is replaced by a new one; default all. */
  readonly perSession?: number;
  /** Milliseconds for all of it; default 240,000. */
  readonly deadline?: number;
  readonly onAccepted?: (accepted: number) => void;
  /** Ends the sending when true: for tests in which the farm goes away. */
  readonly stopWhen?: () => boolean;
  /** Filled as things happen, for callers that stop the farm meanwhile. */
  readonly ledger?: SenderLedger;
}

export interface SenderLedger {
  readonly accepted: string[];
  readonly refused: { readonly id: string; readonly answer: SmtpAnswer }[];
  readonly unsure: string[];
  /** Times something was refused for now or a connection died. */
  setbacks: number;
  /** Sessions that the server ended in order between two messages, with 421. */
  dismissals: number;
}

export function emptyLedger(): SenderLedger {
  return { accepted: [], refused: [], unsure: [], setbacks: 0, dismissals: 0 };
}

const SETBACK_PAUSE_MS = 50;

export async function sendMail(options: SendOptions): Promise<SenderLedger> {
  const ledger = options.ledger ?? emptyLedger();
  const todo = Array.from({ length: options.count ?? 1 }, (_, n) => n).toReversed();
  const until = performance.now() + (options.deadline ?? 240_000);
  const sessions = Array.from({ length: options.sessions ?? 1 }, () => sendFrom(todo, options, ledger, until));
  await Promise.all(sessions);
  return ledger;
}

async function sendFrom(todo: number[], options: SendOptions, ledger: SenderLedger, until: number): Promise<void> {
  let session: SmtpSession | undefined;
  let sent = 0;
  for (let n = todo.pop(); n !== undefined; n = todo.pop()) {
    if (options.stopWhen?.() === true) break;
    if (performance.now() > until) throw new Error(`not all sent in time: ${todo.length + 1} are left`);
    try {
      session ??= await SmtpSession.open(options.port);
      if (await sendOne(session, n, options, ledger)) sent += 1;
      else throw new SessionLost('refused for now');
      if (sent % (options.perSession ?? Infinity) === 0) {
        session.quit();
        session = undefined;
      }
    } catch (error) {
      if (!(error instanceof SessionLost)) throw error;
      const id = idOf(n, options);
      const unsure = ledger.unsure.includes(id);
      if (session?.dismissed === true && !unsure) ledger.dismissals += 1;
      else ledger.setbacks += 1;
      session?.socket.destroy();
      session = undefined;
      if (!unsure) todo.push(n);
      await new Promise((resolve) => setTimeout(resolve, SETBACK_PAUSE_MS));
    }
  }
  session?.quit();
}

/** False when the message was refused for now. */
async function sendOne(session: SmtpSession, n: number, options: SendOptions, ledger: SenderLedger): Promise<boolean> {
  const id = idOf(n, options);
  const to = typeof options.to === 'function' ? options.to(n) : options.to;
  const content = options.content?.(id, n) ?? makeContent(id);
  const from = options.from ?? 'sender@test.example';
  const answer = await session.send(from, to, content, () => ledger.unsure.push(id));
  drop(ledger.unsure, id);
  if (answer.code >= 500) ledger.refused.push({ id, answer });
  if (answer.code >= 400 && answer.code < 500) return false;
  if (answer.code < 300) {
    ledger.accepted.push(id);
    options.onAccepted?.(ledger.accepted.length);
  }
  return true;
}

function idOf(n: number, options: SendOptions): string {
  return `${options.prefix ?? 'm'}-${n}`;
}

function drop(list: string[], id: string): void {
  const at = list.lastIndexOf(id);
  if (at >= 0) list.splice(at, 1);
}
