/** Schemas of what mailfarm.yaml says of limits, retries, sending, the queue and the log. */
import { duration, flag, listOf, oneOf, section, size, text, whole } from './leaf.ts';
import { parseNameServer } from './name-server.ts';
import { filePath } from './schema-mail.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** Waits for one answer of a peer. */
const wait = duration(10, HOUR);

const limits = section({
  messageSize: size(KIB, 2 * GIB),
  recipients: whole(1, 100_000),
  connections: whole(1, 100_000),
  connectionsPerClient: whole(1, 100_000),
  errors: whole(1, 1000),
  commandTimeout: wait,
  dataTimeout: wait,
  sessionTimeout: duration(SECOND, DAY),
  hops: whole(5, 1000),
  headerSize: size(KIB, 16 * MIB),
  aliasDepth: whole(1, 100),
  aliasFanout: whole(1, 100_000),
  outstanding: whole(1, 1_000_000),
  futureRelease: duration(0, 365 * DAY),
  deliverBy: duration(0, 365 * DAY),
}).transform(({ commandTimeout, dataTimeout, sessionTimeout, futureRelease, deliverBy, ...rest }) => ({
  ...rest,
  commandMs: commandTimeout,
  dataMs: dataTimeout,
  sessionMs: sessionTimeout,
  futureReleaseMs: futureRelease,
  deliverByMs: deliverBy,
}));

const retry = section({
  times: listOf(duration(1, 30 * DAY), 'durations, such as [60s, 5m, 1h]').refine((times) => times.length > 0, {
    error: 'expected one duration at least',
  }),
  lifetime: duration(0, 365 * DAY),
  warnAfter: duration(0, 365 * DAY),
  bounceLifetime: duration(0, 365 * DAY),
});

const resolver = text('an IP address of a DNS server, such as 192.0.2.53, 192.0.2.53:5353 or [::1]:53', (value) =>
  parseNameServer(value) === undefined ? undefined : value,
);

const smtp = section({
  connectTimeout: wait,
  greetingTimeout: wait,
  commandTimeout: wait,
  dataTimeout: wait,
  idleTimeout: duration(0, 5 * MINUTE),
  messagesPerConnection: whole(1, 1_000_000),
  port: whole(1, 65_535),
  tls: oneOf('opportunistic', 'none'),
  family: oneOf('any', 'ipv4', 'ipv6'),
  allowPrivate: flag,
  resolvers: listOf(resolver, 'DNS servers'),
  dnssec: flag,
}).transform(({ connectTimeout, greetingTimeout, commandTimeout, dataTimeout, idleTimeout, ...rest }) => ({
  ...rest,
  connectMs: connectTimeout,
  greetingMs: greetingTimeout,
  commandMs: commandTimeout,
  dataMs: dataTimeout,
  idleMs: idleTimeout,
}));

const lanes = section({
  start: whole(1, 1000),
  perBin: whole(1, 1000),
  perChannel: section({
    smtp: whole(1, 10_000),
    lmtp: whole(1, 10_000),
    maildir: whole(1, 1000),
    bounce: whole(1, 1000),
  }),
  // A lane of a transport worker takes no more.
  depth: whole(1, 100),
});

const queue = section({
  split: whole(1, 4096),
  inline: size(0, 16 * MIB),
  segment: size(64 * KIB, GIB),
  segmentAge: duration(100, HOUR),
  linger: duration(0, DAY),
  freeSpace: size(0, 1024 * GIB),
  freeInodes: whole(0, 1_000_000_000),
  window: whole(100, 10_000_000),
  deletedFor: duration(0, 3650 * DAY),
});

const log = section({
  level: oneOf('debug', 'info'),
  maxSize: size(64 * KIB, 16 * GIB),
  keep: whole(0, 1000),
  format: oneOf('auto', 'json', 'plain'),
});

export const runSections = {
  limits,
  retry,
  smtp,
  lanes,
  maildir: section({ root: filePath }),
  queue,
  filter: section({ timeout: duration(10, 10 * MINUTE) }).transform(({ timeout }) => ({ timeoutMs: timeout })),
  log,
  ipc: section({ cert: filePath, key: filePath, ca: filePath }).exactOptional(),
};
