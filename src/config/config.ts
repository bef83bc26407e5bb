/**
 * The configuration as every process reads it: complete, checked, plain JSON.
 *
 * Durations are milliseconds (keys that end in Ms, and those that say so), sizes are bytes. etc/mailfarm.yaml and
 * etc/farms.yaml explain each key; load.ts makes this value from them, resolved.ts hands it to the workers. Where a
 * key of the files is called otherwise, it is noted here. This file holds types and names only: it costs nothing.
 */
import type { ClassRule } from '../mail/reply-class.ts';

export const FARM_NAMES = [
  'log',
  'scheduler',
  'router',
  'filter',
  'smtp',
  'lmtp',
  'maildir',
  'bounce',
  'acceptor',
  'injector',
] as const;
export type FarmName = (typeof FARM_NAMES)[number];

export interface Config {
  readonly hostname: string;
  /** Workers run as this user when the supervisor was started as root. */
  readonly user?: string;
  readonly listen: readonly Listener[];
  /** Clients whose mail goes anywhere: CIDR blocks, see networks.ts. */
  readonly relay: { readonly networks: readonly string[] };
  /** In canonical form (parseDomain()). */
  readonly domains: { readonly local: readonly string[]; readonly relay: readonly string[] };
  /** Local parts that have a Maildir, as `user` or `user@domain`; `*` is any safe one. */
  readonly mailboxes: '*' | readonly string[];
  /** Path of the alias file, relative to paths.etc or absolute; absent when there is none. */
  readonly aliases?: string;
  /** First match wins; parseMatch() and parseVia() of src/mail read them. */
  readonly routes: readonly Route[];
  readonly limits: Limits;
  readonly retry: Retry;
  readonly bounce: BounceSettings;
  /** Rules of bounce-classes.yaml: they come before those that are shipped. */
  readonly bounceClasses: { readonly rules: readonly ClassRule[] };
  readonly smtp: SmtpOut;
  readonly lanes: Lanes;
  /** Folder of the Maildirs, relative to paths.var or absolute. */
  readonly maildir: { readonly root: string };
  readonly queue: QueueSettings;
  readonly filters: Readonly<Record<string, Filter>>;
  /** `timeoutMs`: for the whole verdict. */
  readonly filter: { readonly timeoutMs: number };
  readonly log: LogSettings;
  /** PEM files for farms at a `tls://` address, relative to paths.etc or absolute. */
  readonly ipc?: { readonly cert: string; readonly key: string; readonly ca: string };
  readonly farms: Readonly<Record<FarmName, Farm>>;
  /** By name, in the order of tenants.yaml. */
  readonly tenants: Readonly<Record<string, TenantSettings>>;
  readonly paths: Paths;
}

/** How a tenant's mail is known, and what it may do. See etc/tenants.yaml. */
export interface TenantSettings {
  /** Networks of its clients. */
  readonly networks: readonly string[];
  readonly logins: readonly string[];
  /** Envelope senders: addresses, domains, `.domain` for all below it; in lower case. */
  readonly senders: readonly string[];
  /** Domains of the From field. */
  readonly from: readonly string[];
  readonly weight: number;
  /** Messages given out; see scheduler/pace.ts. */
  readonly rate?: { readonly perSecond: number; readonly burst: number };
  /** Messages that may wait; 0: no limit. */
  readonly queue: number;
  /** Sessions at a time; 0: no limit. */
  readonly lanes: number;
  /** Lanes of each channel for it alone; 0: it shares those of all. */
  readonly dedicated: number;
}

export interface Listener {
  /** `127.0.0.1:25`, `[::1]:25` or `unix:run/x.sock`: parseListen() reads it. */
  readonly address: string;
  readonly protocol: 'smtp' | 'lmtp';
  readonly role: 'mx' | 'submission' | 'local';
  readonly tls: 'none' | 'starttls' | 'implicit';
  /** PEM files, relative to paths.etc or absolute; present unless tls is none. */
  readonly key?: string;
  readonly cert?: string;
  /** Names of filters, in the order in which they run. */
  readonly filters: readonly string[];
  /** What to do with a CR or LF that stands alone. */
  readonly lineEnds: 'refuse' | 'normalise';
  /** For logs. */
  readonly name?: string;
}

export interface Route {
  readonly match: string;
  readonly via: string;
}

export interface Limits {
  readonly messageSize: number;
  readonly recipients: number;
  /** Open sessions of one acceptor. */
  readonly connections: number;
  readonly connectionsPerClient: number;
  /** Refused commands before 421. */
  readonly errors: number;
  readonly commandMs: number;
  readonly dataMs: number;
  readonly sessionMs: number;
  /** Received lines of a message that runs in a circle. */
  readonly hops: number;
  readonly headerSize: number;
  readonly aliasDepth: number;
  readonly aliasFanout: number;
  /** Accepted messages of one acceptor that the router has not taken yet. */
  readonly outstanding: number;
  /** How far ahead a client may set the time of delivery (RFC 4865); 0: not at all. Milliseconds. */
  readonly futureReleaseMs: number;
  /** The least time for delivery or return that a client may ask for (RFC 2852); 0: it may not. Milliseconds. */
  readonly deliverByMs: number;
}

/** All in milliseconds. */
export interface Retry {
  /** Waits between attempts; the last one repeats. */
  readonly times: readonly number[];
  readonly lifetime: number;
  /** 0: never. */
  readonly warnAfter: number;
  readonly bounceLifetime: number;
}

/** Reports to senders. */
export interface BounceSettings {
  /** Largest message that goes back whole with a report. Bytes. */
  readonly returnSize: number;
  /** Who hears of a report that cannot be delivered: nobody, the postmaster, or this address. */
  readonly double: 'drop' | 'postmaster' | (string & {});
  /** Whose NOTIFY=SUCCESS is kept: that of clients in relay.networks, of all, of none. */
  readonly success: 'relay' | 'anyone' | 'nobody';
}

export interface SmtpOut {
  readonly connectMs: number;
  readonly greetingMs: number;
  readonly commandMs: number;
  readonly dataMs: number;
  /** How long a session without work is kept. */
  readonly idleMs: number;
  readonly messagesPerConnection: number;
  /** Port of MX hosts. */
  readonly port: number;
  readonly tls: 'opportunistic' | 'none';
  readonly family: 'any' | 'ipv4' | 'ipv6';
  /** Connect to MX hosts that resolve to private or loopback addresses. */
  readonly allowPrivate: boolean;
  /** DNS servers to ask for MX and addresses; empty: those of the machine. */
  readonly resolvers: readonly string[];
  /** Those servers validate answers (DNSSEC), and the way to them is safe: their word for it is believed. */
  readonly dnssec: boolean;
}

export interface Lanes {
  /** Lanes of one bin at first, and at most. */
  readonly start: number;
  readonly perBin: number;
  readonly perChannel: {
    readonly smtp: number;
    readonly lmtp: number;
    readonly maildir: number;
    readonly bounce: number;
  };
  /** Jobs under way in one lane. */
  readonly depth: number;
}

export interface QueueSettings {
  /** Directories of the hashed tree. */
  readonly split: number;
  /** Larger messages go straight to their own file. Bytes. */
  readonly inline: number;
  /** Size and age at which a journal segment is closed. Bytes, milliseconds. */
  readonly segment: number;
  readonly segmentAge: number;
  /** How long a closed segment waits before what is left in it moves to the tree. Milliseconds. */
  readonly linger: number;
  /** Below this many bytes or inodes no mail is taken. */
  readonly freeSpace: number;
  readonly freeInodes: number;
  /** Messages that the scheduler holds in memory. */
  readonly window: number;
  /** How long the deleted queue keeps a message. Milliseconds; 0: for ever. */
  readonly deletedFor: number;
}

/** Limits on the MIME structure of a message. */
export interface Filter {
  readonly kind: 'structure';
  readonly depth: number;
  readonly parts: number;
  readonly headerSize: number;
  /** Header fields of the message or of one part. */
  readonly headers: number;
  /** Globs such as `*.exe`, matched against attachment names in any case. */
  readonly forbiddenNames: readonly string[];
  readonly action: 'reject' | 'quarantine';
}

export interface LogSettings {
  readonly level: 'debug' | 'info';
  readonly maxSize: number;
  readonly keep: number;
  readonly format: 'auto' | 'json' | 'plain';
}

export interface Farm {
  /** Path relative to paths.var, or `tls://host:port`. */
  readonly socket: string;
  readonly least: number;
  readonly most: number;
  /** Jobs before a worker is replaced by a new one; 0: never. */
  readonly jobs: number;
  /** Threads for CPU-bound work. */
  readonly threads: number;
  /** Old space of a worker in MiB; 0: what Node takes. */
  readonly memory: number;
  /** Time to finish what a worker holds when it is told to stop. Milliseconds. */
  readonly drain: number;
}

/** Absolute. */
export interface Paths {
  readonly etc: string;
  readonly var: string;
  readonly code: string;
}
