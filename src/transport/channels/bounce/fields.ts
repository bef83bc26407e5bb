/**
 * Fields of reports, in ASCII, folded, with nothing in them that could end a field (RFC 5322 section 2.2.3, RFC 3464 section 2.1).
 *
 * Every value that came from outside, above all the words of a next hop, goes through here on its way into a report.
 */
import { oneLine } from '../../../base/text.ts';
import type { Reply } from '../../../mail/outcome.ts';

const WIDTH = 76;
const MAX_VALUE = 1000;
const LOCAL_SERVER = 'the local mail store';

/** `Name: value` with CRLF, folded at spaces. Characters that are not ASCII become question marks. */
export function field(name: string, value: string): string {
  const ascii = oneLine(value, MAX_VALUE).replace(/[^\x20-\x7e]/g, '?');
  return `${wrap(`${name}: ${ascii}`, WIDTH).join('\r\n ')}\r\n`;
}

/** Lines of at most `width` characters, broken at spaces, and within a word only where it is longer than 900 characters. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/ +/).flatMap((long) => long.match(/.{1,900}/gsu) ?? [])) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** As `Sun, 22 Nov 2026 09:00:00 +0000` (RFC 5322 section 3.3). */
export function mailDate(ms: number): string {
  return new Date(ms).toUTCString().replace('GMT', '+0000');
}

/** A recipient's address with its type (RFC 3464 section 2.3.2); what is not ASCII as RFC 6533 section 3 writes it. */
export function typedAddress(address: string): string {
  // oxlint-disable-next-line no-control-regex -- ASCII as such
  if (/^[\x00-\x7f]*$/.test(address)) return `rfc822; ${address}`;
  return `utf-8; ${Array.from(address, (char) => (char > '\x7f' ? escapeChar(char) : char)).join('')}`;
}

/** Diagnostic-Code (RFC 3464 section 2.3.6): the next hop's words, or ours where it said none. */
export function diagnosticCode({ code, status, text, remote }: Reply): string {
  return remote === undefined ? `X-Mailfarm; ${status} ${text}` : `smtp; ${code} ${status} ${text}`;
}

/** What of a reply may leave this machine: the path of a Unix socket says nothing to others but how things are set up here. */
export function presentable(reply: Reply): Reply {
  const path = reply.remote?.startsWith('unix:') ? reply.remote.slice(5) : '';
  return path === '' ? reply : { ...reply, remote: LOCAL_SERVER, text: reply.text.replaceAll(path, LOCAL_SERVER) };
}

/** Undefined for a server that no name leads to. */
export function remoteMta({ remote }: Reply): string | undefined {
  return remote === undefined || remote === LOCAL_SERVER ? undefined : `dns; ${remoteHost(remote)}`;
}

/** The host of `mx.example.org [192.0.2.1]:25`, for Remote-MTA. */
function remoteHost(remote: string): string {
  return /^\S+/.exec(remote)?.[0] ?? remote;
}

function escapeChar(char: string): string {
  return `\\x{${(char.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`;
}
