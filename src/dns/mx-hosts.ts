/**
 * From MX records to the hosts that take a domain's mail (RFC 5321 section 5.1), best first. Pure; records are hostile: names are
 * checked, numbers capped.
 */
import { isIP } from 'node:net';
import type { MxRecord } from './answer.ts';

/** Why mail goes to a host, or why not. */
export type HostFate =
  | 'used'
  /** The root: the domain takes no mail (RFC 7505). */
  | 'null'
  /** This host itself, or one that is no better: mail would come back. */
  | 'self'
  | 'behind-self'
  /** Not the name of a host. */
  | 'bad-name'
  /** One of too many. */
  | 'beyond';

export interface MxHost {
  readonly host: string;
  readonly preference: number;
  readonly fate: HostFate;
}

/** MX records looked at. */
const MAX_RECORDS = 100;

const HOST = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/**
 * Each host once, by preference and then by name, so that servers which turn the order of records round change nothing.
 * `self` is the name of this host.
 */
export function judgeMx(records: readonly MxRecord[], self: string): readonly MxHost[] {
  const sorted = records.toSorted((a, b) => a.preference - b.preference || compare(a.exchange, b.exchange));
  const first = new Map<string, MxRecord>();
  for (const record of sorted) if (!first.has(record.exchange)) first.set(record.exchange, record);
  const own = first.get(self.toLowerCase())?.preference ?? Infinity;
  return Array.from(first.values(), ({ exchange, preference }, at) => {
    const fate = at < MAX_RECORDS ? fateOf(exchange, preference, { self, own }) : 'beyond';
    return { host: exchange, preference, fate };
  });
}

function fateOf(
  host: string,
  preference: number,
  { self, own }: { readonly self: string; readonly own: number },
): HostFate {
  if (host === '') return 'null';
  if (host === self.toLowerCase()) return 'self';
  if (preference >= own) return 'behind-self';
  return HOST.test(host) && isIP(host) === 0 ? 'used' : 'bad-name';
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
