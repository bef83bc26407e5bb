/**
 * Reads a transcript: what each recipient's answer was.
 *
 * The rule for lost connections: before the end mark left, nothing was handed over and it is tried again; after it, the next
 * hop may have the message, and trying again may make a second one: allowed, and told apart as 4.4.2.
 */
import type { Reply } from '../../../mail/outcome.ts';
import { connectionTrouble, parseReply, protocolError, reply, verdictOf } from '../../replies.ts';
import type { RecipientVerdict } from '../../deliverer.ts';
import type { Transcript } from './transcript.ts';

export interface Judgement {
  readonly verdicts: readonly RecipientVerdict[];
  /** Refused only because the transaction had too many recipients (RFC 5321 section 4.5.3.1.10): to be sent in another. */
  readonly again: readonly string[];
  readonly trouble?: Reply | undefined;
}

/** Judges a transaction for all of its recipients. */
export function judge(transcript: Transcript, recipients: readonly string[], remote: string): Judgement {
  const answers = recipients.map((recipient) => ({ recipient, answer: answerTo(recipient, transcript, remote) }));
  const progress = answers.some(({ answer }) => answer.code < 300);
  const isAgain = ({ recipient, answer }: (typeof answers)[number]): boolean =>
    progress && isTooMany(answer) && !isPositive(transcript.rcpt.get(recipient));
  const settled = answers.filter((answer) => !isAgain(answer));
  return {
    verdicts: settled.map(({ recipient, answer }) => verdictOf([recipient], answer)),
    again: answers.filter(isAgain).map(({ recipient }) => recipient),
    trouble: troubleOf(
      transcript,
      settled.map(({ answer }) => answer),
      remote,
    ),
  };
}

/** True when a session that was open before died, or took its leave, before it saw any content. */
export function isStale({ bodyBegun, error, mail }: Transcript): boolean {
  return !bodyBegun && error !== undefined && (mail === undefined || mail.startsWith('421'));
}

/**
 * True when an answer too many, to the message before, may have shifted these by one: DATA is never answered by 2xx, and seldom refused
 * where every recipient was taken. No content has left.
 */
export function isOutOfStep({ bodyBegun, rcpt, data }: Transcript): boolean {
  if (bodyBegun || data === undefined || data.startsWith('354')) return false;
  return isPositive(data) || [...rcpt.values()].every(isPositive);
}

function answerTo(recipient: string, transcript: Transcript, remote: string): Reply {
  const { mail, rcpt, data } = transcript;
  if (!isPositive(mail)) return refusal(mail, transcript, remote);
  const own = rcpt.get(recipient);
  if (!isPositive(own)) return refusal(own, transcript, remote);
  if (data?.startsWith('354') !== true) return refusal(data, transcript, remote);
  const final = transcript.finals.get(recipient) ?? transcript.final;
  if (final === undefined) return lost(transcript, remote);
  const answer = parseReply(final, remote) ?? protocolError('unreadable reply', remote);
  if (answer.code >= 400) return answer;
  if (answer.code >= 300) return protocolError(`unexpected reply ${answer.code} ${answer.text}`, remote);
  return transcript.dotSent ? answer : protocolError('message accepted before it was sent', remote);
}

/** The answer to a command that was not taken, or what stands for it when there was none. */
function refusal(raw: string | undefined, transcript: Transcript, remote: string): Reply {
  if (raw === undefined) return lost(transcript, remote);
  const answer = parseReply(raw, remote);
  if (answer === undefined || answer.code < 400) return protocolError(`unexpected reply ${raw}`, remote);
  return answer;
}

function lost({ error, bodyBegun, dotSent }: Transcript, remote: string): Reply {
  if (dotSent) return reply({ code: 451, status: '4.4.2', text: 'connection lost after data', remote });
  if (bodyBegun) return reply({ code: 451, status: '4.4.2', text: 'connection lost while sending data', remote });
  const said = saidAtTheEnd(error);
  if (said?.startsWith('421') === true) return parseReply(said, remote) ?? connectionTrouble(error, remote);
  return { ...connectionTrouble(error ?? new Error('connection closed'), remote), status: '4.4.2' };
}

/** nodemailer puts the last reply into its error: a 421 speaks for all the replies that never came. */
function saidAtTheEnd(error: Error | undefined): string | undefined {
  return error !== undefined && 'response' in error && typeof error.response === 'string' ? error.response : undefined;
}

function troubleOf(transcript: Transcript, answers: readonly Reply[], remote: string): Reply | undefined {
  const leaving = answers.find(({ code }) => code === 421);
  if (leaving) return leaving;
  const died = transcript.mail === undefined || (transcript.error !== undefined && transcript.data === undefined);
  const unanswered = answers.find(({ status }) => status === '4.4.2');
  return died && !transcript.bodyBegun && unanswered !== undefined ? lost(transcript, remote) : undefined;
}

function isPositive(raw: string | undefined): boolean {
  return raw?.startsWith('2') === true;
}

function isTooMany({ code, status }: Reply): boolean {
  if (code === 452) return status === '4.5.3' || status === '4.0.0';
  return code === 552 && (status === '5.5.3' || status === '5.0.0');
}
