/**
 * The embedded defaults, in the words of etc/mailfarm.yaml and etc/farms.yaml: Mailfarm runs without any file.
 * A test holds them and the shipped files together.
 */
import type { FarmName } from './config.ts';

/** Recycling is a guard against slow leaks: rare enough to cost nothing. */
const JOBS = 1_000_000;

/** A row of farms.yaml with what differs from farm to farm. */
function farm(
  name: FarmName,
  least: number,
  most: number | 'auto',
  other: Readonly<Record<string, unknown>> = {},
): object {
  return { socket: `run/${name}.sock`, least, most, jobs: JOBS, threads: 0, memory: '2GiB', drain: '30s', ...other };
}

export const DEFAULTS = {
  listen: [{ address: '127.0.0.1:2525', role: 'submission' }],
  relay: { networks: ['127.0.0.0/8', '::1/128'] },
  domains: { local: ['localhost', '$hostname'], relay: [] },
  mailboxes: '*',
  routes: [],
  limits: {
    messageSize: '64MiB',
    recipients: 1000,
    connections: 500,
    connectionsPerClient: 50,
    errors: 20,
    commandTimeout: '5m',
    dataTimeout: '10m',
    sessionTimeout: '1h',
    hops: 50,
    headerSize: '256KiB',
    aliasDepth: 10,
    aliasFanout: 10_000,
    outstanding: 2000,
    futureRelease: '30d',
    deliverBy: '60s',
  },
  retry: {
    times: ['60s', '5m', '15m', '30m', '1h', '2h', '4h'],
    lifetime: '5d',
    warnAfter: '4h',
    bounceLifetime: '1d',
  },
  bounce: { returnSize: '50kB', double: 'postmaster', success: 'relay' },
  bounceClasses: { rules: [] },
  smtp: {
    connectTimeout: '30s',
    greetingTimeout: '5m',
    commandTimeout: '5m',
    dataTimeout: '10m',
    idleTimeout: '5s',
    messagesPerConnection: 1000,
    port: 25,
    tls: 'opportunistic',
    family: 'any',
    allowPrivate: false,
    resolvers: [],
    dnssec: false,
  },
  lanes: { start: 4, perBin: 8, perChannel: { smtp: 100, lmtp: 20, maildir: 4, bounce: 2 }, depth: 20 },
  maildir: { root: 'mail' },
  queue: {
    split: 64,
    inline: '256KiB',
    segment: '16MiB',
    segmentAge: '10s',
    linger: '60s',
    freeSpace: '64MiB',
    freeInodes: 1000,
    window: 10_000,
    deletedFor: '7d',
  },
  filters: {
    structure: {
      kind: 'structure',
      depth: 100,
      parts: 10_000,
      headerSize: '256KiB',
      headers: 1000,
      forbiddenNames: [],
      action: 'reject',
    },
  },
  filter: { timeout: '30s' },
  tenants: {},
  log: { level: 'info', maxSize: '64MiB', keep: 10, format: 'auto' },
  farms: {
    log: farm('log', 1, 1, { jobs: 0, drain: '5s' }),
    scheduler: farm('scheduler', 1, 1, { jobs: 0, memory: '512MiB' }),
    router: farm('router', 1, 2),
    filter: farm('filter', 0, 2, { threads: 1 }),
    acceptor: farm('acceptor', 1, 'auto'),
    smtp: farm('smtp', 1, 2),
    lmtp: farm('lmtp', 0, 1),
    maildir: farm('maildir', 0, 1),
    bounce: farm('bounce', 0, 1),
    injector: farm('injector', 0, 1, { memory: '256MiB' }),
  },
};
