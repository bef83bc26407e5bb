/**
 * Composes a report: multipart/report with an explanation, the status for programs, and the message or its header
 * (RFC 3462, RFC 3464). Marked as automatic, so that no well-behaved program answers it (RFC 3834).
 */
import { randomBytes } from 'node:crypto';
import { oneLine } from '../../../base/text.ts';
import { findHeaderEnd, headerValues } from '../../../mail/headers.ts';
import { deliveryStatus } from './delivery-status.ts';
import { explain } from './explanation.ts';
import { field, mailDate } from './fields.ts';
import type { Quote } from './quote.ts';
import type { Report } from './report.ts';

const SUBJECT = {
  failed: 'Undelivered mail: your message could not be delivered',
  delayed: 'Delayed mail: your message is still being tried',
  delivered: 'Delivered mail: your message is in the mailbox',
  relayed: 'Relayed mail: your message was handed to the next mail system',
  expanded: 'Relayed mail: your message was handed on to the members of a list',
} as const;
const DOUBLE = 'Undelivered report: nobody was told that a message failed';

export interface Composed {
  readonly bytes: Buffer;
  /** It has bytes above 127: it needs 8BITMIME. */
  readonly eightBit: boolean;
}

/** The whole message, with CRLF line ends. */
export function composeReport(report: Report, quote: Quote): Composed {
  // Random: nobody can have put it into the message that is quoted.
  const boundary = `=_${report.id}_${randomBytes(12).toString('hex')}`;
  const bytes = Buffer.concat([
    Buffer.from(header(report, quote, boundary)),
    part(boundary, 'text/plain; charset=utf-8', Buffer.from(explain(report))),
    part(boundary, 'message/delivery-status', Buffer.from(deliveryStatus(report))),
    part(boundary, quote.type, quote.bytes),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
  return { bytes, eightBit: isEightBit(bytes) };
}

function header(report: Report, quote: Quote, boundary: string): string {
  const { kind, id, hostname, now, to, double } = report;
  const [messageId] = headerValues(headerBlock(quote.bytes), 'Message-ID', { max: 1 });
  const isId = messageId !== undefined && /^<[\x21-\x7e]{3,250}>$/.test(messageId);
  return [
    field('From', `Mail Delivery System <MAILER-DAEMON@${hostname}>`),
    `To: <${oneLine(to)}>\r\n`,
    field('Subject', double ? DOUBLE : SUBJECT[kind]),
    field('Date', mailDate(now)),
    field('Message-ID', `<${id}@${hostname}>`),
    isId ? field('References', messageId) : '',
    field('Auto-Submitted', 'auto-replied'),
    field('MIME-Version', '1.0'),
    `Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="${boundary}"\r\n`,
    '\r\nThis is a report in several parts, as RFC 3464 describes it.\r\n\r\n',
  ].join('');
}

function part(boundary: string, type: string, content: Buffer): Buffer {
  const encoding = isEightBit(content) ? '8bit' : '7bit';
  const head = `--${boundary}\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), content, Buffer.from('\r\n')]);
}

function headerBlock(bytes: Buffer): Buffer {
  const end = findHeaderEnd(bytes);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

function isEightBit(bytes: Buffer): boolean {
  return /[\u0080-\u00ff]/.test(bytes.toString('latin1'));
}
