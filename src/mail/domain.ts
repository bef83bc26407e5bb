/**
 * Domain names and address literals as mail uses them, in one canonical form: lower case, no trailing dot,
 * internationalised labels as A-labels (xn--…), so that two spellings of a domain always compare equal.
 *
 * It never asks DNS, and never guesses: what only looks like a number (127.1, 0x7f000001) is refused, because
 * other software reads it as an IP address.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII, domainToUnicode } from 'node:url';

/** RFC 5321 section 4.5.3.1.2. */
const MAX_DOMAIN = 255;
/** RFC 1035 section 2.3.4. */
const MAX_LABEL = 63;
/** Letters, digits and hyphens; the underscore is no host name (RFC 952) but real mail domains have it. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/;
const NUMERIC = /^(?:[0-9]+|0x[0-9a-f]*)$/;

export type DomainResult =
  | { readonly ok: true; readonly domain: string }
  | { readonly ok: false; readonly why: string };

/** Parses a domain name or an address literal, `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 section 4.1.3). */
export function parseDomain(text: string): DomainResult {
  if (text.startsWith('[')) return parseLiteral(text);
  if (text.length > MAX_DOMAIN + 1) return refuse('the domain is longer than 255 characters');
  const ascii = toAscii(text);
  if (ascii === undefined) return refuse('the domain has a character that no domain may have');
  const domain = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
  const why = whyNotDomain(domain);
  return why === undefined ? { ok: true, domain } : refuse(why);
}

function whyNotDomain(domain: string): string | undefined {
  if (domain === '') return 'the domain is empty';
  if (domain.length > MAX_DOMAIN) return 'the domain is longer than 255 characters';
  const labels = domain.split('.');
  for (const label of labels) {
    if (label === '') return 'the domain has an empty label';
    if (label.length > MAX_LABEL) return 'the domain has a label of more than 63 characters';
    if (!LABEL.test(label)) return 'the domain has a character that no domain may have';
    if (label.startsWith('xn--') && !isALabel(label)) return 'the domain has a label beginning xn-- that is not valid';
  }
  if (NUMERIC.test(labels.at(-1) ?? '')) return 'the domain ends in a number; write an IP address in square brackets';
  return undefined;
}

/** False for an A-label that decodes to nothing, or to what would be written in another way: a forgery of some kind. */
function isALabel(label: string): boolean {
  const unicode = domainToUnicode(label);
  return unicode !== label && domainToASCII(unicode) === label;
}

/** Lower case ASCII, or undefined. Only what is not ASCII goes through domainToASCII, which would read 127.1 as an address. */
function toAscii(text: string): string | undefined {
  if (/^[\x21-\x7e]*$/.test(text)) return text.toLowerCase();
  // domainToASCII drops zero-width characters, decodes %41 and stops at a slash: it must see none of them.
  if (!/^[\p{L}\p{M}\p{N}._-]*$/u.test(text) || !text.isWellFormed()) return undefined;
  return domainToASCII(text) || undefined;
}

function parseLiteral(text: string): DomainResult {
  const inner = /^\[([\x21-\x5a\x5e-\x7e]{1,60})\]$/.exec(text)?.[1];
  if (inner === undefined) return refuse('the address in square brackets is not closed or not an address');
  if (isIPv4(inner)) return { ok: true, domain: `[${inner}]` };
  const six = /^IPv6:([0-9a-f:.]+)$/i.exec(inner)?.[1];
  if (six !== undefined && isIPv6(six)) return { ok: true, domain: `[IPv6:${canonicalIPv6(six)}]` };
  return refuse('in square brackets only 192.0.2.1 or IPv6:2001:db8::1 may stand');
}

/** RFC 5952 form, as the URL parser writes it. */
function canonicalIPv6(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

function refuse(why: string): DomainResult {
  return { ok: false, why };
}
