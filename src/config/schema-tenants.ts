/** The schema of tenants.yaml: one row per tenant. */
import { z } from 'zod';
import { parseAddress } from '../mail/address.ts';
import { parseDomain } from '../mail/domain.ts';
import { leaf, listOf, section, text, whole } from './leaf.ts';
import { parseNetwork } from './networks.ts';
import { parseRate } from './units.ts';

const NAME = 'a name of letters, digits, ., - and _, not of digits alone';
const MILLION = 1_000_000;

const network = text('a network such as 192.0.2.0/24 or 2001:db8::/32', (value) =>
  parseNetwork(value) ? value : undefined,
);
const login = text('the name of a login', (value) => (/^[^\p{C}\s]{1,200}$/u.test(value) ? value : undefined));
const domain = text('a domain such as example.org, or .example.org for all below it', readDomain);
const sender = text('user@example.org, example.org, or .example.org for all domains below it', (value) => {
  if (!value.includes('@')) return readDomain(value);
  const parsed = parseAddress(value, { smtputf8: true, defaultDomain: 'localhost' });
  return parsed.ok ? parsed.address.toLowerCase() : undefined;
});
/** Messages in a second. */
const rate = leaf(
  'a rate from 1/h to 1000000/s, such as 20/s, 600/m or 5000/h',
  (value) => {
    const perSecond = parseRate(value);
    return perSecond !== undefined && perSecond >= 1 / 3600 && perSecond <= MILLION ? perSecond : undefined;
  },
  (value) => (Number.isSafeInteger(value) ? `${String(value)}/s` : undefined),
);

const tenant = section({
  networks: listOf(network, 'networks').default([]),
  logins: listOf(login, 'names of logins').default([]),
  senders: listOf(sender, 'addresses and domains').default([]),
  from: listOf(domain, 'domains').default([]),
  weight: whole(1, 1000).default(1),
  rate: rate.exactOptional(),
  burst: whole(1, MILLION).default(1),
  queue: whole(1, 100 * MILLION).exactOptional(),
  lanes: whole(1, 10_000).exactOptional(),
  dedicated: whole(0, 1000).default(0),
}).transform(({ rate: perSecond, burst, queue, lanes, ...rest }) => ({
  ...rest,
  ...(perSecond === undefined ? {} : { rate: { perSecond, burst } }),
  queue: queue ?? 0,
  lanes: lanes ?? 0,
}));

/** An object has keys of digits alone before all others: they would lose their place in the file. */
const name = text(NAME, (value) => (/^(?!\d+$)[A-Za-z0-9][\w.-]{0,63}$/.test(value) ? value : undefined));

export const tenantsSchema = z.record(name, tenant, { error: `expected tenants by name, each ${NAME}` });

function readDomain(value: string): string | undefined {
  const below = value.startsWith('.') ? '.' : '';
  const parsed = parseDomain(value.slice(below.length));
  return parsed.ok && !parsed.domain.startsWith('[') ? below + parsed.domain : undefined;
}
