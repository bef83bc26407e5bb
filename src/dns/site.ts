/**
 * The site of a domain: the set of hosts that take its mail. Domains with the same MX hosts are one site, whoever they belong to, and
 * one trouble holds them all.
 */
import { createHash } from 'node:crypto';
import type { MxHost } from './mx-hosts.ts';
import type { Resolution } from './mx-report.ts';

/** Longer keys are cut to a digest: a hundred hosts have room for 25,000 characters. */
const MAX_KEY = 250;

/**
 * A stable key for the site that a resolution leads to; undefined where no hosts are known, or an operator named the host.
 *
 * Host names in order of preference: equal ones sorted and joined by commas, worse ones behind a semicolon, as in
 * `a.mx.example,b.mx.example;backup.example`. The numbers themselves do not count, only their order: `10 a, 20 b` and `1 a, 5 b` are one site,
 * while `20 a, 10 b` and `10 a, 10 b` are others, because mail is tried in another order there. Neither addresses nor the order of records in
 * an answer change it. A key that would be longer than 250 characters is the first host, a #, and a digest of the whole.
 */
export function siteOf({ hosts = [] }: Resolution | { readonly hosts: readonly MxHost[] }): string | undefined {
  const used = hosts.filter(({ fate }) => fate === 'used');
  if (used.length === 0) return undefined;
  const ranks = Map.groupBy(used, ({ preference }) => preference);
  const ordered = [...ranks].toSorted(([a], [b]) => a - b).map(([, rank]) => namesOf(rank));
  const key = ordered.join(';');
  if (key.length <= MAX_KEY) return key;
  const digest = createHash('sha256').update(key).digest('hex').slice(0, 32);
  const [first = ''] = key.split(/[,;]/, 1);
  return `${first.slice(0, MAX_KEY - digest.length - 1)}#${digest}`;
}

function namesOf(rank: readonly MxHost[]): string {
  return rank
    .map(({ host }) => host)
    .toSorted()
    .join(',');
}
