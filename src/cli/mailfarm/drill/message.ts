/**
 * The messages of a drill: each carries the id of its run, its number and a checksum of its body in one header field, so
 * that the sink knows it again and sees whether it arrived whole.
 */
import { createHash, randomBytes } from 'node:crypto';
import { drillAddress } from '../../../mail/drill-address.ts';

const MARK_HEADER = 'X-Mailfarm-Drill';
const CHECKSUM_DIGITS = 32;
const LINE = 70;
/** The mark stands below the trace headers that were added on the way: within so many bytes. */
const HEAD_BYTES = 64 * 1024;

export interface DrillMessage {
  readonly run: string;
  readonly number: number;
  /** Bytes of the body, about. */
  readonly size: number;
}

export interface Mark {
  readonly run: string;
  readonly number: number;
  /** The body is the one that was sent. */
  readonly whole: boolean;
}

/** A message with CRLF line ends, all ASCII. */
export function makeDrillMessage({ run, number, size }: DrillMessage): Buffer {
  const body = makeBody(size);
  const header = [
    `From: Mailfarm drill <${drillAddress(run)}>`,
    `To: <${drillAddress(run)}>`,
    `Subject: mailfarm drill, message ${number}`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${number}.${drillAddress(run)}>`,
    `${MARK_HEADER}: ${run} ${number} ${checksum(body)}`,
  ];
  return Buffer.from(`${header.join('\r\n')}\r\n\r\n${body}`, 'latin1');
}

/** The mark of a message, dot-stuffing undone; undefined when it has none. */
export function readMark(content: Buffer): Mark | undefined {
  const end = content.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = content.toString('latin1', 0, Math.min(end, HEAD_BYTES));
  const match = /^X-Mailfarm-Drill: ([0-9a-f]{32}) (\d{1,9}) ([0-9a-f]{32})\r?$/m.exec(head);
  if (match === null) return undefined;
  const [, run = '', number, sum] = match;
  return { run, number: Number(number), whole: checksum(content.toString('latin1', end + 4)) === sum };
}

/** Lines that no two messages share; every fifth begins with a dot, which is what gets lost when somebody is careless. */
function makeBody(size: number): string {
  const text = randomBytes(Math.ceil(size * 0.75)).toString('base64');
  const lines: string[] = [];
  for (let at = 0, n = 0; at < size; at += LINE, n += 1) {
    const line = text.slice(at, Math.min(at + LINE, size));
    lines.push(n % 5 === 1 ? `.${line.slice(1)}` : line);
  }
  return `${lines.join('\r\n')}\r\n`;
}

function checksum(body: string): string {
  return createHash('sha256').update(body, 'latin1').digest('hex').slice(0, CHECKSUM_DIGITS);
}
