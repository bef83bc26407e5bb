/** Schemas of what mailfarm.yaml says of mail coming in: listeners, domains, mailboxes, routes, filters. */
import { z } from 'zod';
import { parseAddress } from '../mail/address.ts';
import { parseDomain } from '../mail/domain.ts';
import { isSafeMailbox } from '../mail/mailboxes.ts';
import { parseMatch, parseVia } from '../mail/route.ts';
import type { Listener } from './config.ts';
import { listOf, oneOf, section, size, text, whole, wordOr } from './leaf.ts';
import { canonicalListen } from './listen-address.ts';
import { parseNetwork } from './networks.ts';

const MIB = 1024 * 1024;
const PATH = 'a path';
const MATCH = 'a domain, .domain for all below it, user@domain, or *';
const VIA =
  'smtp:[host]:port, smtp:domain, lmtp:unix:/path, lmtp:[host]:port, maildir, mx, or bounce:text for the sender';
/** Filters and listeners are named in logs and options. */
const NAME = 'a name of letters, digits, - and _';

export const filePath = text(PATH, (value) => (/^[^\p{C}]{1,1000}$/u.test(value) ? value : undefined));
const name = text(NAME, (value) => (/^[A-Za-z][\w-]{0,39}$/.test(value) ? value : undefined));

const hostname = text('a host name such as mx.example.org', (value) => {
  const parsed = parseDomain(value);
  return parsed.ok && !parsed.domain.startsWith('[') ? parsed.domain : undefined;
});

/** `$hostname` stands for the host name; load.ts puts it in. */
const domain = text('a domain such as example.org, or $hostname', readDomain);
const relayDomain = text('a domain such as example.org, .example.org for all below it, or $hostname', (value) => {
  if (!value.startsWith('.')) return readDomain(value);
  const parsed = parseDomain(value.slice(1));
  return parsed.ok && !parsed.domain.startsWith('[') ? `.${parsed.domain}` : undefined;
});

const listenAddress = text('an address such as 127.0.0.1:25, [::1]:25 or unix:run/x.sock', canonicalListen);

const listener = section({
  address: listenAddress,
  name: name.exactOptional(),
  protocol: oneOf('smtp', 'lmtp').default('smtp'),
  role: oneOf('mx', 'submission', 'local').default('mx'),
  tls: oneOf('none', 'starttls', 'implicit').default('none'),
  key: filePath.exactOptional(),
  cert: filePath.exactOptional(),
  filters: listOf(name, 'names of filters').exactOptional(),
  lineEnds: oneOf('refuse', 'normalise').default('refuse'),
}).transform((given, context): Listener => {
  for (const key of ['key', 'cert'] as const) {
    if (given.tls === 'none' || given[key] !== undefined) continue;
    const message = `expected the path of a PEM file, because tls is ${given.tls}`;
    context.issues.push({ code: 'custom', message, input: undefined, path: [key] });
  }
  if (given.protocol === 'lmtp' && given.address.endsWith(':25')) {
    const message = 'expected another port than 25: LMTP may not use it (RFC 2033 section 5)';
    context.issues.push({ code: 'custom', message, input: given.address, path: ['address'] });
  }
  return { ...given, filters: given.filters ?? (given.role === 'mx' ? ['structure'] : []) };
});

const mailbox = text('a mailbox as user or user@domain', (value) => {
  const lower = value.toLowerCase();
  const parsed = parseAddress(lower, { smtputf8: true, defaultDomain: 'localhost' });
  if (!parsed.ok || !isSafeMailbox(parsed.local)) return undefined;
  return lower.includes('@') ? parsed.address : parsed.local;
});

const route = section({
  match: text(MATCH, (value) => (parseMatch(value).ok ? value : undefined)),
  via: text(VIA, (value) => (parseVia(value).ok ? value : undefined), viaMeant),
});

/** A host without its brackets, and the path of a socket without its word, as other mail systems write them. */
function viaMeant(value: string): string | undefined {
  const words = /^(smtp|lmtp):(?:(\/.*)|([^[\]:\s]+)(:\d+)?)$/.exec(value.trim());
  const [, channel, file, host, port = ''] = words ?? [];
  if (file !== undefined && channel !== 'lmtp') return undefined;
  const via = file === undefined ? `${channel}:[${host}]${port}` : `lmtp:unix:${file}`;
  return words !== null && parseVia(via).ok ? via : undefined;
}

const filter = section({
  kind: oneOf('structure').default('structure'),
  depth: whole(1, 1000).default(100),
  parts: whole(1, 1_000_000).default(10_000),
  headerSize: size(1024, 16 * MIB).default(256 * 1024),
  headers: whole(1, 100_000).default(1000),
  forbiddenNames: listOf(
    text('a file name in which * and ? stand for others, such as *.exe', (value) =>
      /^[^\p{C}/]{1,200}$/u.test(value) ? value : undefined,
    ),
    'file names',
  ).default([]),
  action: oneOf('reject', 'quarantine').default('reject'),
});

export const mailSections = {
  hostname,
  user: text('the name of a user of this machine', (value) =>
    /^[A-Za-z_][\w.-]{0,31}$/.test(value) ? value : undefined,
  ).exactOptional(),
  listen: listOf(listener, 'listeners, each with an address'),
  relay: section({
    networks: listOf(
      text('a network such as 192.0.2.0/24 or 2001:db8::/32', (value) => (parseNetwork(value) ? value : undefined)),
      'networks',
    ),
  }),
  domains: section({ local: listOf(domain, 'domains'), relay: listOf(relayDomain, 'domains') }),
  mailboxes: wordOr('*', z.array(mailbox, { error: 'expected * or a list of mailboxes' })),
  aliases: filePath.exactOptional(),
  routes: listOf(route, 'routes, each with match and via'),
  filters: z.record(name, filter, { error: `expected filters by name, each ${NAME}` }),
};

function readDomain(value: string): string | undefined {
  if (value === '$hostname') return value;
  const parsed = parseDomain(value);
  return parsed.ok ? parsed.domain : undefined;
}
