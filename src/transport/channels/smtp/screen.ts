/**
 * What can be said before a word is sent: addresses that no command may carry, messages that the next hop cannot take.
 *
 * The queue holds parsed addresses only; the check is made again here because a line end in a command is a second command.
 */
import { isAsciiAddress } from '../../../mail/address.ts';
import type { Envelope } from '../../../mail/envelope.ts';
import { findHeaderEnd } from '../../../mail/headers.ts';
import type { StoredMessage } from '../../../queue/store.ts';
import type { RecipientVerdict } from '../../deliverer.ts';
import { reply, verdictOf } from '../../replies.ts';
import { whyNotInTime } from './deliver-by.ts';
import type { Session } from './session.ts';

// oxlint-disable-next-line no-control-regex -- what would end a command, or nodemailer's reading of an address
const UNSENDABLE = /[\u0000-\u001f\u007f<>]|^\s|\s$/;

/** Most of a header that is looked at, in bytes: more than an acceptor takes, unless it was told to. */
const MAX_START = 1024 * 1024;

export interface Screened {
  readonly able: readonly string[];
  readonly refused: readonly RecipientVerdict[];
}

/** Sorts out addresses that SMTP cannot carry. */
export function screenAddresses(sender: string, recipients: readonly string[]): Screened {
  if (UNSENDABLE.test(sender))
    return refuseAll(recipients, reply({ code: 553, status: '5.1.7', text: 'sender address cannot be sent' }));
  const isAble = (recipient: string): boolean => recipient !== '' && !UNSENDABLE.test(recipient);
  if (recipients.every(isAble)) return { able: recipients, refused: [] };
  const able = recipients.filter(isAble);
  const refused = recipients.filter((recipient) => !isAble(recipient));
  const why = reply({ code: 553, status: '5.1.3', text: 'recipient address cannot be sent' });
  return { able, refused: [verdictOf(refused, why)] };
}

/** Sorts out what this session's next hop cannot take: too large (RFC 1870), in no time (RFC 2852), or not ASCII (RFC 6531 section 3.6). */
export function screenForSession(
  session: Session,
  message: StoredMessage,
  recipients: readonly string[],
  start = message.bytes,
): Screened {
  const { remote, maxSize } = session;
  if (maxSize > 0 && message.size > maxSize) {
    const text = `message of ${message.size} bytes is larger than the ${maxSize} that the next hop takes`;
    return refuseAll(recipients, reply({ code: 552, status: '5.3.4', text, remote }));
  }
  const late = whyNotInTime(message.envelope.deliverBy, session, Date.now());
  if (late !== undefined) return refuseAll(recipients, late);
  if (session.offers('SMTPUTF8')) return { able: recipients, refused: [] };
  const needed = needsUtf8(message.envelope, start);
  if (!needed && recipients.every(isAsciiAddress)) return { able: recipients, refused: [] };
  const text = 'the next hop takes no internationalised mail (SMTPUTF8)';
  const why = reply({ code: 553, status: '5.6.7', text, remote });
  if (needed) return refuseAll(recipients, why);
  const others = recipients.filter((recipient) => !isAsciiAddress(recipient));
  return { able: recipients.filter(isAsciiAddress), refused: [verdictOf(others, why)] };
}

/** The start of a message that is not in memory, where screenForSession() needs its header. Undefined: it does not. */
export async function readStart(session: Session, message: StoredMessage): Promise<Buffer | undefined> {
  if (message.bytes !== undefined || session.offers('SMTPUTF8')) return message.bytes;
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of message.stream() as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      // Chunks are large, and headers are not: joining them each time costs little.
      if (length > MAX_START || findHeaderEnd(Buffer.concat(chunks)) !== -1) break;
    }
  } catch {
    // Reading it again for sending meets the same trouble, and the message waits.
  }
  return Buffer.concat(chunks);
}

/** True when sender or header need SMTPUTF8, whoever the recipients are. */
function needsUtf8(envelope: Envelope, start: Buffer | undefined): boolean {
  if (!isAsciiAddress(envelope.sender)) return true;
  if (envelope.smtputf8 !== true) return false;
  if (start === undefined) return true;
  const end = findHeaderEnd(start);
  return /[\u0080-\u00ff]/.test(start.toString('latin1', 0, end === -1 ? start.length : end));
}

function refuseAll(recipients: readonly string[], why: Parameters<typeof verdictOf>[1]): Screened {
  return { able: [], refused: [verdictOf(recipients, why)] };
}
