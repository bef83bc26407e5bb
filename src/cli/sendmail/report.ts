/**
 * What sendmail tells and how it exits, for each end that a message can take.
 */
import { EX } from '../../base/sysexits.ts';
import { oneLine } from '../../base/text.ts';
import type { RefusedRecipient } from '../../client/submit.ts';

/** Lines for standard error, one a refused recipient, and the exit status. */
export interface Report {
  readonly lines: readonly string[];
  readonly status: number;
  /** For -v, and told before the others: where the parts of a message went that was split or taken for some only. */
  readonly taken?: readonly string[];
}

/** The farm said no to the session or to the message as a whole. */
export function reportRefusal(code: number, text: string): Report {
  return { lines: [`refused: ${oneLine(text)}`], status: code < 500 ? EX.TEMPFAIL : statusOfReply(text, EX.DATAERR) };
}

/** The farm said no to some or all recipients. One that may be tried again decides: 75 asks the caller to. */
export function reportRecipients(refused: readonly RefusedRecipient[]): Report {
  const lines = refused.map((one) => `${oneLine(one.address)}: ${oneLine(one.text)}`);
  if (refused.some((one) => one.code < 500)) return { lines, status: EX.TEMPFAIL };
  const users = refused.every((one) => statusOfReply(one.text, EX.UNAVAILABLE) === EX.NOUSER);
  return { lines, status: users ? EX.NOUSER : EX.UNAVAILABLE };
}

/** No farm took it, and its queue is closed to the caller: only root and the owner of var may write there. */
export function reportClosedQueue(varDir: string): Report {
  const line = `no farm answers, and this user may not write its queue in ${oneLine(varDir, 500)}: try again later`;
  return { lines: [line], status: EX.TEMPFAIL };
}

/** By the enhanced status code (RFC 3463), where the reply has one. */
function statusOfReply(text: string, otherwise: number): number {
  const status = /^\d{3}[ -](5\.\d{1,3}\.\d{1,3})\b/.exec(text)?.[1];
  if (status === undefined) return otherwise;
  if (/^5\.1\.[136]$/.test(status) || status === '5.2.1') return EX.NOUSER;
  if (status === '5.1.2') return EX.NOHOST;
  if (/^5\.1\.[78]$/.test(status)) return EX.DATAERR;
  if (status.startsWith('5.7.')) return EX.NOPERM;
  return otherwise;
}
