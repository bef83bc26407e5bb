/** Parameters of RCPT for delivery status notifications (RFC 3461 sections 4.1, 4.2), as they go over the wire. */
import { isAsciiAddress } from '../../../mail/address.ts';
import type { Recipient } from '../../../mail/envelope.ts';

const NOTIFY = new Set(['NEVER', 'SUCCESS', 'FAILURE', 'DELAY']);
/** RFC 3461 section 4.2 allows 500 characters. */
const MAX_ORCPT = 500;
const NONE: ReadonlyMap<string, string> = new Map();

/**
 * By recipient address, of those in `to`; recipients without wishes have none. Those that an alias put in inherit NEVER where
 * all of the envelope have it: else the next hop would tell the sender what he asked not to hear.
 */
export function rcptParameters(recipients: readonly Recipient[], to: readonly string[]): ReadonlyMap<string, string> {
  if (!recipients.some(({ dsn }) => dsn !== undefined)) return NONE;
  const parameters = new Map<string, string>();
  const silent = recipients.length > 0 && recipients.every(({ dsn }) => dsn?.notify?.includes('NEVER') === true);
  if (silent) for (const address of to) parameters.set(address, 'NOTIFY=NEVER');
  for (const { address, dsn } of recipients) {
    const notify = dsn?.notify?.filter((word) => NOTIFY.has(word)) ?? [];
    const words: string[] = [];
    if (notify.length > 0) words.push(`NOTIFY=${notify.join(',')}`);
    const orcpt = encodeOrcpt(dsn?.orcpt ?? original(address, notify));
    if (orcpt !== undefined && orcpt.length <= MAX_ORCPT) words.push(`ORCPT=${orcpt}`);
    if (words.length > 0) parameters.set(address, words.join(' '));
  }
  return parameters;
}

/** xtext (RFC 3461 section 4): everything but printable ASCII, and + and =, as +HH. */
export function encodeXtext(text: string): string {
  const bytes = Buffer.from(text);
  return Array.from(bytes, (byte) => (isPlain(byte) ? String.fromCharCode(byte) : hex(byte))).join('');
}

/**
 * Where the client gave none, the recipient as it came to us (RFC 3461 section 5.2.1): a later report then names it, whatever it
 * became on its way. Nobody reports where NOTIFY=NEVER was given, or cares where no NOTIFY was.
 */
function original(address: string, notify: readonly string[]): string {
  return notify.length > 0 && !notify.includes('NEVER') && isAsciiAddress(address) ? `rfc822;${address}` : '';
}

/** `type;address` with the address as xtext; undefined without a type. */
function encodeOrcpt(orcpt: string): string | undefined {
  const match = /^([A-Za-z0-9-]{1,40});(.+)$/s.exec(orcpt);
  return match === null ? undefined : `${match[1]};${encodeXtext(match[2] ?? '')}`;
}

function isPlain(byte: number): boolean {
  return byte >= 0x21 && byte <= 0x7e && byte !== 0x2b && byte !== 0x3d;
}

function hex(byte: number): string {
  return `+${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
