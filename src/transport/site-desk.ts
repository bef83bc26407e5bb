/** Tells the scheduler to which site a next hop leads: it puts the mail of all domains with the same MX hosts into one bin. */
import type { MxResolver } from '../dns/mx-resolver.ts';
import type { DnsResolver } from '../dns/resolver.ts';
import { siteOf } from '../dns/site.ts';
import { parseNext } from './channels/smtp/next-hop.ts';

export interface SiteTold {
  /** Absent where there is none, or DNS does not tell. */
  readonly site?: string;
  /** Milliseconds for which that holds. */
  readonly ttl: number;
}

export type TellSite = (next: string) => Promise<SiteTold>;

/** Asked again soon enough: it is no next hop whose hosts DNS names. */
const NONE_MS = 60 * 60_000;

/** Never rejects. */
export function siteTeller(resolver: MxResolver, dns: Pick<DnsResolver, 'holdsFor'>): TellSite {
  return async (next) => {
    const hop = parseNext(next, 25);
    if (hop?.kind !== 'mx') return { ttl: NONE_MS };
    const { mx, hosts } = await resolver.findHosts(hop.domain);
    const site = siteOf({ hosts });
    return { ttl: Math.floor(dns.holdsFor(mx)), ...(site !== undefined && { site }) };
  };
}
