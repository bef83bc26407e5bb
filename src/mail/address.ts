/**
 * Mail addresses: parsed once, at the edge, into a structured and canonical value (RFC 5321 section 4.1.2).
 *
 * Nothing is interpreted: percent hack, bang path, pipe and slash are characters of a local part, never a route, a
 * command or a path. The local part keeps its case. Whoever takes an address apart by other means than domainOf()
 * and localOf() makes a second parser, and two parsers that disagree are how mail goes astray.
 */
import { parseDomain } from './domain.ts';

/** RFC 5321 section 4.5.3.1.1, in octets. */
const MAX_LOCAL = 64;
/** RFC 5321 section 4.5.3.1.3: 256 octets with the angle brackets. */
const MAX_ADDRESS = 254;
/** Control, format (zero-width, bidirectional), private, unassigned and separator characters, lone surrogates, U+FFFD. */
const FORBIDDEN = /[\p{C}\p{Zl}\p{Zp}\ufffd]/u;
const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\u0080-\\u{10ffff}-]+";
const DOT_STRING = new RegExp(`^${ATOM}(?:\\.${ATOM})*$`, 'u');
/** Quoted-string; the caller has excluded control characters. No nested repetition: linear. */
const QUOTED = /^"(?:[^"\\]|\\[\x20-\x7e])*"/;

export interface Address {
  readonly ok: true;
  /** As it goes over the wire: quoted where it has to be. */
  readonly local: string;
  /** Lower case, A-labels, no trailing dot; or an address literal in square brackets. */
  readonly domain: string;
  /** `local@domain`. */
  readonly address: string;
}

export type AddressResult = Address | { readonly ok: false; readonly why: string };

export interface ParseOptions {
  /** Allow a local part that is not ASCII (RFC 6531). */
  readonly smtputf8?: boolean;
  /** Appended to an address without `@`: for <postmaster> and for local commands. */
  readonly defaultDomain?: string;
}

/**
 * Parses an address without angle brackets. `why` is one plain sentence part that may be shown to a client:
 * it never repeats the input. The null sender is no address: see isNullSender().
 */
export function parseAddress(text: string, options: ParseOptions = {}): AddressResult {
  if (text === '') return refuse('the address is empty');
  if (text.length > MAX_ADDRESS + 64) return refuse('the address is longer than 254 characters');
  // The first test is the cheap one, and nearly always enough.
  if (!isAsciiAddress(text) && FORBIDDEN.test(text)) return refuse('the address has a control or invisible character');
  if (text.startsWith('@')) return refuse('source routes are not accepted');
  const split = splitAddress(text, options.defaultDomain);
  if ('why' in split) return refuse(split.why);
  const local = canonicalLocal(split.local, options.smtputf8 === true);
  if (!local.ok) return local;
  const domain = parseDomain(split.domain);
  if (!domain.ok) return domain;
  const address = `${local.local}@${domain.domain}`;
  if (Buffer.byteLength(address) > MAX_ADDRESS) return refuse('the address is longer than 254 characters');
  return { ok: true, local: local.local, domain: domain.domain, address };
}

/** The domain of an address that parseAddress() made; '' for the null sender. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1);
}

/** The local part, as on the wire, of an address that parseAddress() made; '' for the null sender. */
export function localOf(address: string): string {
  return address.slice(0, Math.max(0, address.lastIndexOf('@')));
}

/** Two spellings of one recipient of a local domain are one: its local parts do not care for case. */
export function identityOf(address: string, isLocal: (domain: string) => boolean): string {
  return isLocal(domainOf(address)) ? address.toLowerCase() : address;
}

/** True for `<>`: the sender of bounces, which never gets one. */
export function isNullSender(address: string): boolean {
  return address === '' || address === '<>';
}

/** False when the address needs SMTPUTF8 at the next hop. */
export function isAsciiAddress(address: string): boolean {
  return /^[\x20-\x7e]*$/.test(address);
}

type Split = { readonly local: string; readonly domain: string } | { readonly why: string };

function splitAddress(text: string, defaultDomain: string | undefined): Split {
  const quoted = QUOTED.exec(text)?.[0];
  if (text.startsWith('"') && quoted === undefined) return { why: 'the quoted local part is not closed' };
  const at = text.indexOf('@', quoted?.length ?? 0);
  if (at === -1 && defaultDomain !== undefined) return { local: text, domain: defaultDomain };
  if (at === -1) return { why: 'the address has no domain' };
  const domain = text.slice(at + 1);
  if (domain.includes('@')) return { why: 'the address has more than one @' };
  return { local: text.slice(0, at), domain };
}

type Local = { readonly ok: true; readonly local: string } | { readonly ok: false; readonly why: string };

function canonicalLocal(text: string, smtputf8: boolean): Local {
  if (text === '') return refuse('the local part is empty');
  const ascii = isAsciiAddress(text);
  if (!ascii && !smtputf8) return refuse('the local part is not ASCII, and SMTPUTF8 was not asked for');
  const normal = text.normalize('NFC');
  // Ⅳ, fullwidth letters and the like: two people would read them as the same mailbox (RFC 8265).
  if (!ascii && normal !== text.normalize('NFKC')) return refuse('the local part has a compatibility character');
  const local = normal.startsWith('"') ? canonicalQuoted(normal) : normal;
  if (local === undefined || (!local.startsWith('"') && !DOT_STRING.test(local))) {
    return refuse('the local part has a character or a dot that must be quoted');
  }
  if (Buffer.byteLength(local) > MAX_LOCAL) return refuse('the local part is longer than 64 octets');
  return { ok: true, local };
}

/** Removes quotes and backslashes that are not needed (RFC 5321 section 4.1.2); undefined when it is no quoted string. */
function canonicalQuoted(text: string): string | undefined {
  if (QUOTED.exec(text)?.[0] !== text) return undefined;
  const content = text.slice(1, -1).replace(/\\([\x20-\x7e])/g, '$1');
  if (DOT_STRING.test(content)) return content;
  return `"${content.replace(/["\\]/g, '\\$&')}"`;
}

function refuse(why: string): { readonly ok: false; readonly why: string } {
  return { ok: false, why };
}
