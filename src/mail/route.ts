/**
 * The words of a route: what a `match` names and what a `via` leads to.
 *
 * Pure text to value, used where the configuration is checked and where routes are compiled; it never looks up a name.
 */
import { isIP } from 'node:net';
import { oneLine } from '../base/text.ts';
import { parseAddress } from './address.ts';
import { parseDomain } from './domain.ts';
import type { Hop, Reply } from './outcome.ts';

/** Where a route leads. */
export type Via =
  /** A fixed next hop, the same for every recipient. */
  | { readonly kind: 'hop'; readonly hop: Hop }
  /** The Maildir of the recipient. */
  | { readonly kind: 'maildir' }
  /** The MX hosts of the recipient's domain. */
  | { readonly kind: 'mx' }
  /** Refused with this answer. */
  | { readonly kind: 'bounce'; readonly reply: Reply };

/** What a route is for. */
export type Match =
  | { readonly kind: 'any' }
  | { readonly kind: 'domain'; readonly domain: string }
  /** Every domain below this one, itself not included; without the leading dot. */
  | { readonly kind: 'below'; readonly domain: string }
  | { readonly kind: 'address'; readonly address: string };

export type ParsedVia = { readonly ok: true; readonly via: Via } | { readonly ok: false; readonly expected: string };
export type ParsedMatch =
  | { readonly ok: true; readonly match: Match }
  | { readonly ok: false; readonly expected: string };

/** Bytes that the name of a Unix socket has room for. */
const MAX_SOCKET_PATH = 107;
const VIA_EXPECTED =
  'smtp:[host]:port, smtp:domain, lmtp:unix:/path, lmtp:[host]:port, maildir, mx, or bounce:text for the sender';
const MATCH_EXPECTED = 'a domain, .domain for all below it, user@domain, or *';

/** Reads the `via` of a route. */
export function parseVia(text: string): ParsedVia {
  const via = readVia(text.trim());
  return via === undefined ? { ok: false, expected: VIA_EXPECTED } : { ok: true, via };
}

/** Reads the `match` of a route; domains come out in lower case. */
export function parseMatch(text: string): ParsedMatch {
  const match = readMatch(text.trim());
  return match === undefined ? { ok: false, expected: MATCH_EXPECTED } : { ok: true, match };
}

function readVia(text: string): Via | undefined {
  if (text === 'maildir' || text === 'mx') return { kind: text };
  const colon = text.indexOf(':');
  const rest = text.slice(colon + 1);
  switch (colon < 0 ? '' : text.slice(0, colon)) {
    case 'smtp':
      return readSmtp(rest);
    case 'lmtp':
      return readLmtp(rest);
    case 'bounce':
      return { kind: 'bounce', reply: readReply(rest) };
    default:
      return undefined;
  }
}

function readSmtp(rest: string): Via | undefined {
  const next = rest.startsWith('[') ? readHostPort(rest, 25) : readMxDomain(rest);
  return next === undefined ? undefined : { kind: 'hop', hop: { channel: 'smtp', next } };
}

function readMxDomain(text: string): string | undefined {
  const domain = readName(text);
  return domain === undefined ? undefined : `route:${domain}`;
}

function readLmtp(rest: string): Via | undefined {
  const path = /^unix:([^\p{Cc}]+)$/u.exec(rest)?.[1];
  if (path !== undefined && Buffer.byteLength(path) > MAX_SOCKET_PATH) return undefined;
  const next = path === undefined ? readHostPort(rest, 24) : `unix:${path}`;
  return next === undefined ? undefined : { kind: 'hop', hop: { channel: 'lmtp', next } };
}

/** `[host]` or `[host]:port` as `[host]:port`; the host is a name or an address of either kind. */
function readHostPort(text: string, standardPort: number): string | undefined {
  const match = /^\[([^[\]]+)\](?::(\d{1,5}))?$/.exec(text.toLowerCase());
  const inside = match?.[1] ?? '';
  const host = isIP(inside) === 0 ? readName(inside) : inside;
  if (host === undefined) return undefined;
  const port = match?.[2] === undefined ? standardPort : Number(match[2]);
  return port >= 1 && port <= 65_535 ? `[${host}]:${port}` : undefined;
}

/** The text of a bounce, with a status of its own where it begins with one: `bounce:5.7.1 no mail for robots`. */
function readReply(text: string): Reply {
  const match = /^\s*(?:(5\d\d)\s+)?(?:(5\.\d{1,3}\.\d{1,3})\s+)?(.*)$/s.exec(text);
  const words = oneLine(match?.[3] ?? '');
  return {
    code: Number(match?.[1] ?? 550),
    status: match?.[2] ?? '5.1.1',
    text: words === '' ? 'This address takes no mail' : words,
  };
}

function readMatch(text: string): Match | undefined {
  if (text === '*') return { kind: 'any' };
  if (text.startsWith('.')) {
    const domain = readName(text.slice(1));
    return domain === undefined ? undefined : { kind: 'below', domain };
  }
  if (text.includes('@')) {
    const parsed = parseAddress(text, { smtputf8: true });
    return parsed.ok ? { kind: 'address', address: parsed.address.toLowerCase() } : undefined;
  }
  const parsed = parseDomain(text);
  return parsed.ok ? { kind: 'domain', domain: parsed.domain } : undefined;
}

/** A domain name that is no address literal, in canonical form. */
function readName(text: string): string | undefined {
  const parsed = text.startsWith('[') ? undefined : parseDomain(text);
  return parsed?.ok === true ? parsed.domain : undefined;
}
