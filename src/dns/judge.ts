/**
 * What a reply means for the question: records, a proof that there are none, an alias that leads on, or trouble. Pure.
 *
 * Only what the question's name leads to counts, whatever else a reply holds.
 */
import type { Question, RecordData, RecordType } from './answer.ts';
import type { Message } from './message.ts';
import type { ResourceRecord } from './record.ts';

/** Times in seconds, as usableTtl() takes them. */
export type Finding =
  | {
      readonly kind: 'found';
      readonly value: readonly RecordData[RecordType][];
      readonly name: string;
      readonly ttl: number;
    }
  | { readonly kind: 'none' | 'no-domain'; readonly ttl: number }
  /** The reply ends with an alias: its target has to be asked for. */
  | { readonly kind: 'alias'; readonly name: string; readonly links: number; readonly ttl: number }
  | { readonly kind: 'trouble'; readonly why: string };

/** Aliases of aliases that are followed. */
export const MAX_ALIASES = 8;
/** Nothing is remembered for longer, in seconds: a day; that there is none, an hour. */
const MAX_TTL = 86_400;
const MAX_NEGATIVE_TTL = 3600;

const NO_ERROR = 0;
const NO_SUCH_DOMAIN = 3;
const CODES: Readonly<Record<number, string>> = { 1: 'FORMERR', 2: 'SERVFAIL', 4: 'NOTIMP', 5: 'REFUSED' };

/** Seconds that an answer holds: 2^31 and more are 0 (RFC 2181 section 8). */
function usableTtl(ttl: number): number {
  return ttl >= 2 ** 31 ? 0 : Math.min(ttl, MAX_TTL);
}

/** The name of a response code, for logs. */
function codeName(code: number): string {
  return CODES[code] ?? `code ${code}`;
}

/** Reads a message as the answer to a question. */
export function judge(message: Message, { name, type }: Question): Finding {
  const { code, answers } = message;
  if (code !== NO_ERROR && code !== NO_SUCH_DOMAIN) return trouble(`the server says ${codeName(code)}`);
  const chain = followAliases(answers, name);
  if (chain === undefined) return trouble('its aliases run in a circle, or are too many');
  const records = answers.filter((record) => record.type === type && record.name === chain.name);
  if (records.length > 0) {
    const ttl = Math.min(chain.ttl, ...records.map((record) => usableTtl(record.ttl)));
    const value = records.map(({ data }) => data as RecordData[RecordType]);
    return { kind: 'found', value, name: chain.name, ttl };
  }
  const negative = negativeTtl(message, chain.name);
  if (code === NO_SUCH_DOMAIN) return { kind: 'no-domain', ttl: Math.min(chain.ttl, negative ?? 0) };
  if (negative === undefined && chain.links > 0) return { kind: 'alias', ...chain };
  // Without recursion, a referral to other servers looks much like "there is none" (RFC 2308 section 2.2).
  if (negative === undefined && !message.recursive) return trouble('the server asks no others for us');
  return { kind: 'none', ttl: Math.min(chain.ttl, negative ?? 0) };
}

interface Chain {
  readonly name: string;
  readonly links: number;
  readonly ttl: number;
}

function followAliases(answers: readonly ResourceRecord[], start: string): Chain | undefined {
  const targets = new Map<string, { readonly to: string; readonly ttl: number }>();
  for (const record of answers) {
    if (record.type === 'CNAME' && !targets.has(record.name)) {
      targets.set(record.name, { to: record.data, ttl: usableTtl(record.ttl) });
    }
  }
  let chain: Chain = { name: start, links: 0, ttl: MAX_TTL };
  for (let next = targets.get(start); next !== undefined; next = targets.get(next.to)) {
    chain = { name: next.to, links: chain.links + 1, ttl: Math.min(chain.ttl, next.ttl) };
    if (chain.links > MAX_ALIASES) return undefined;
  }
  return chain;
}

/** How long "there is none" holds (RFC 2308 section 5). Undefined where no server of a zone above the name says so. */
function negativeTtl({ authorities }: Message, name: string): number | undefined {
  const zone = authorities.find((record) => record.type === 'SOA' && isWithin(name, record.name));
  if (zone?.type !== 'SOA') return undefined;
  return Math.min(usableTtl(zone.ttl), usableTtl(zone.data), MAX_NEGATIVE_TTL);
}

function isWithin(name: string, zone: string): boolean {
  return zone === '' || name === zone || name.endsWith(`.${zone}`);
}

function trouble(why: string): Finding {
  return { kind: 'trouble', why };
}
