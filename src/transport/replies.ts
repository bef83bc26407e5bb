/**
 * Replies of next hops as values: read from the wire, or made here where nobody answered.
 *
 * A next hop may say anything, so a reply is taken apart once, here: the code decides, the text is made one safe line.
 */
import { errorCode, errorText, oneLine } from '../base/text.ts';
import type { Reply } from '../mail/outcome.ts';
import type { RecipientVerdict } from './deliverer.ts';

/** Longest text kept of a reply (see Reply.text). */
const MAX_TEXT = 1000;
const FIRST_LINE = /^([2-5]\d\d)(?:[ -]|$)/;
const STATUS = /^([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)/;

/** Reads a complete reply, of several lines perhaps, without line ends at the end. Undefined when it is none (RFC 5321 section 4.2). */
export function parseReply(raw: string, remote?: string): Reply | undefined {
  const lines = linesOf(raw);
  const code = Number(FIRST_LINE.exec(lines[0] ?? '')?.[1] ?? 0);
  if (code === 0) return undefined;
  const texts = lines.map((line) => line.slice(4));
  const status = enhancedStatus(texts[0] ?? '', code);
  const text = texts.map((line) => line.replace(STATUS, '').trim()).join(' ');
  return reply({ code, status: status ?? `${Math.floor(code / 100)}.0.0`, text: text || '(no text)', remote });
}

/** True when every line of a reply has the same three-digit code and only the last has no hyphen after it. */
export function isWellFormed(raw: string): boolean {
  const lines = linesOf(raw);
  const code = FIRST_LINE.exec(lines[0] ?? '')?.[1];
  if (code === undefined) return false;
  const last = lines.length - 1;
  return lines.every((line, at) => line.startsWith(code) && (at === last ? /^...(?: |$)/.test(line) : line[3] === '-'));
}

/** Most replies are of one line. */
function linesOf(raw: string): readonly string[] {
  return raw.includes('\n') ? raw.split('\n').map((line) => line.replace(/\r$/, '')) : [raw.replace(/\r$/, '')];
}

interface ReplyParts {
  readonly code: number;
  readonly status: string;
  readonly text: string;
  readonly remote?: string | undefined;
}

/** A reply with its text made safe. */
export function reply({ code, status, text, remote }: ReplyParts): Reply {
  const safe = { code, status, text: oneLine(text, MAX_TEXT) };
  return remote === undefined ? safe : { ...safe, remote: oneLine(remote, 300) };
}

/** For an answer that fits no rule of the protocol: try again later, it is not the recipient's fault. */
export function protocolError(what: string, remote?: string): Reply {
  return reply({ code: 451, status: '4.5.0', text: `protocol error: ${what}`, remote });
}

/** For a connection that could not be made, or ended early. */
export function connectionTrouble(error: unknown, remote?: string): Reply {
  const code = errorCode(error);
  const text = code === undefined ? errorText(error) : `${errorText(error)} (${code})`;
  return reply({ code: 451, status: '4.4.1', text, remote });
}

/** What a reply means for the recipients it speaks of: 2xx delivered, 5xx failed, all else (also nonsense) deferred. */
export function verdictOf(recipients: readonly string[], answer: Reply): RecipientVerdict {
  const state = answer.code < 300 ? 'delivered' : answer.code >= 500 ? 'failed' : 'deferred';
  return { state, recipients, reply: answer };
}

/** Verdicts with the same state and answer made one. Order of first appearance. */
export function mergeVerdicts(verdicts: readonly RecipientVerdict[]): readonly RecipientVerdict[] {
  const [only] = verdicts;
  if (verdicts.length === 1 && only && only.recipients.length > 0) return verdicts;
  const groups = new Map<string, { readonly verdict: RecipientVerdict; readonly recipients: string[] }>();
  for (const verdict of verdicts) {
    const { code, status, text, remote } = verdict.reply;
    const key = JSON.stringify([verdict.state, code, status, text, remote, verdict.report]);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { verdict, recipients: [...verdict.recipients] });
    else for (const recipient of verdict.recipients) known.recipients.push(recipient);
  }
  const merged = Array.from(groups.values(), ({ verdict, recipients }) => ({ ...verdict, recipients }));
  return merged.filter((verdict) => verdict.recipients.length > 0);
}

function enhancedStatus(text: string, code: number): string | undefined {
  const match = STATUS.exec(text);
  if (match === null || Number(match[1]) !== Math.floor(code / 100)) return undefined;
  return match[0];
}
