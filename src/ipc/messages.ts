/**
 * Every frame that one process may send another, as one union: the catalogue of the farm's inner language.
 *
 * A connection starts with `hello` from both ends; versions must agree. `n` is the request id: the answer
 * carries the same. Nothing here holds message content. Decoding and shape checks are in decode.ts.
 */
import type { DeliverBy, Envelope } from '../mail/envelope.ts';
import type { Hop, Notice, Outcome, Reply } from '../mail/outcome.ts';
import type {
  Dedicate,
  Stats,
  StatsRequest,
  TenantList,
  TenantsRequest,
  Where,
  WhereRequest,
  Work,
  WorkRequest,
} from './insight.ts';

/** Raised whenever a frame changes shape; both ends compare it at hello. */
export const PROTOCOL_VERSION = 5;

export interface Hello {
  readonly t: 'hello';
  readonly v: number;
  /** Farm of the sender, as `acceptor`; `cli` for commands. */
  readonly farm: string;
  /** Worker of the sender, as `acceptor-3`: unique for the life of the supervisor. */
  readonly worker: string;
  readonly pid: number;
}

/** To the router: a committed message with recipients to route. */
export interface Accepted {
  readonly t: 'accepted';
  readonly n: number;
  readonly handle: string;
  readonly envelope: Envelope;
  /** Recipients that need routing; absent: all of the envelope. From the injector, which leaves out what is finished. */
  readonly only?: readonly string[];
  /** Of `only`: those that were tried already, and are no aliases, whatever the alias file says by now. */
  readonly tried?: readonly string[];
  /** Of `only`: those of whose delay the sender was told. */
  readonly warned?: readonly string[];
  /** From the injector: what to hand to the scheduler along with the routed parts. */
  readonly parts?: readonly Part[];
  /** As in Routed. */
  readonly stays?: boolean;
  /** Bytes of content, for the scheduler. */
  readonly size?: number;
  /** As in Routed. */
  readonly probe?: boolean;
}

/** Recipients of one message that share a bin. */
export interface Part {
  readonly hop: Hop;
  readonly to: readonly string[];
  /** Attempts so far; absent: none. */
  readonly attempts?: number;
  /** Not before, milliseconds since 1970; absent: now. */
  readonly until?: number;
  /** Not before, as its sender wishes, milliseconds since 1970: a time of day, however far away. */
  readonly notBefore?: number;
  /** For the bounce channel: why the recipients failed, or what became of them. */
  readonly reply?: Reply;
  /** For the bounce channel: the good news that it is to tell; absent: they failed. */
  readonly notice?: Notice;
  /** A delayed warning was sent for these. */
  readonly warned?: boolean;
}

/** To the scheduler: a message whose recipients have hops. */
export interface Routed {
  readonly t: 'routed';
  readonly n: number;
  readonly handle: string;
  readonly sender: string;
  readonly received: number;
  readonly tenant: string;
  readonly size: number;
  /** By when its sender wants it delivered. */
  readonly by?: DeliverBy;
  readonly parts: readonly Part[];
  /** Some recipients of the message are held: it stays in the queue when all parts here are finished. */
  readonly stays?: boolean;
  /** Somebody wants it tried at once: bins of its parts that wait as a whole are probed. */
  readonly probe?: boolean;
  /** Aliases and lists that ended with this, and the recipients here that stand in their place. */
  readonly expanded?: number;
  readonly made?: number;
}

/** Answer to accepted and routed: the receiver took over. */
export interface Taken {
  readonly t: 'taken';
  readonly n: number;
}

/** Answer to a request that cannot be done. */
export interface Refused {
  readonly t: 'refused';
  readonly n: number;
  readonly why: string;
}

/**
 * Router to whoever hands on, and transport to scheduler on a lane, from time to time while there is something in hand: the sender
 * waits for others (a slow next hop, a full disk), and does not hang.
 */
export interface AtWork {
  readonly t: 'at-work';
}

/** Scheduler to transport, first frame on a lane. */
export interface OpenLane {
  readonly t: 'open';
  readonly lane: string;
  readonly hop: Hop;
}

/** Scheduler to transport: deliver one message to these recipients of its envelope (or of its expansions). */
export interface Job {
  readonly t: 'job';
  readonly n: number;
  readonly handle: string;
  /** Where the lane's hop has no `next` of its own, because its bin holds many of them: all mailboxes share one bin. */
  readonly next?: string;
  readonly to: readonly string[];
  /** Attempts before this one. */
  readonly attempts: number;
  /** For the bounce channel. */
  readonly failures?: readonly Failure[];
  /** For the bounce channel: what it reports. */
  readonly kind?: ReportKind;
}

/** What a report tells (RFC 3464 section 2.3.3). After `delayed`, a warning, the recipients stay in the queue. */
export type ReportKind = 'failed' | 'delayed' | Notice;

/** Recipients that a report is about, and the last answer they got. */
export interface Failure {
  readonly to: readonly string[];
  readonly reply: Reply;
}

/** Transport to scheduler: the outcomes of a job, which are durable by now. */
export interface Done {
  readonly t: 'done';
  readonly n: number;
  readonly outcomes: readonly Outcome[];
  /** The record is in the hashed tree now. */
  readonly moved?: boolean;
  /** Its domain leads to another site than that of the lane: it says nothing of this one. */
  readonly elsewhere?: boolean;
  /** The next hop as a whole is in trouble (no connection, 421, greeting refused): let its bin wait. */
  readonly trouble?: Reply;
}

/** Scheduler to an SMTP transport worker, over a connection that is no lane: to which site does this next hop lead? */
export interface SiteRequest {
  readonly t: 'site?';
  readonly n: number;
  /** Of a hop, as `mx:example.org`. */
  readonly next: string;
}

export interface SiteAnswer {
  readonly t: 'site';
  readonly n: number;
  /** Key of the site; absent where there is none, or it could not be looked up. */
  readonly site?: string;
  /** Milliseconds for which that is so. */
  readonly ttl: number;
}

/** Acceptor to filter: read the staged message and give a verdict. */
export interface Check {
  readonly t: 'check';
  readonly n: number;
  readonly handle: string;
  readonly envelope: Envelope;
  /** Filters to run, in order. */
  readonly filters: readonly string[];
}

export interface Verdict {
  readonly t: 'verdict';
  readonly n: number;
  readonly verdict: 'accept' | 'reject' | 'defer' | 'quarantine';
  /** Filter that decided. */
  readonly by?: string;
  /** For reject and defer: what the client is told. */
  readonly reply?: Reply;
  /** Header lines to put on top, each ended by CRLF. */
  readonly prepend?: string;
  /** The whole content was replaced, by Store.writeReplacement(): Draft.commit() takes it with `replaced`. */
  readonly replaced?: boolean;
}

/** A worker that is to end: answers what it has, and wants no more over this connection. */
export interface Leaving {
  readonly t: 'leaving';
}

/** A journal writer closed a segment that holds `total` messages; or the injector found one. */
export interface SegmentClosed {
  readonly t: 'segment';
  readonly n: number;
  readonly segment: string;
  readonly total: number;
  /** From the injector: ordinals of the messages that were finished or moved before. */
  readonly finished?: readonly number[];
}

/** Settler to scheduler: which journals want settling? Answered by Plan. */
export interface PlanRequest {
  readonly t: 'plan?';
  readonly n: number;
}

export interface Plan {
  readonly t: 'plan';
  readonly n: number;
  /** Message segments past their time, with the ordinals still unfinished. */
  readonly segments: readonly { readonly segment: string; readonly ordinals: readonly number[] }[];
  /** Outcome segments that no message segment needs any more. */
  readonly outcomes: readonly string[];
}

/** Settler to scheduler: these messages have a file in the tree now. Answered by Gone. */
export interface Moved {
  readonly t: 'moved';
  readonly n: number;
  readonly segment: string;
  readonly ordinals: readonly number[];
  /** The queue id of each; empty where the record holds no message. */
  readonly ids: readonly string[];
}

/** Ordinals that were finished in the meantime: the scheduler removes their new files. */
export interface Gone {
  readonly t: 'gone';
  readonly n: number;
  readonly ordinals: readonly number[];
}

/** Settler to scheduler: the outcome segments are folded into state files and may be removed. */
export interface Folded {
  readonly t: 'folded';
  readonly n: number;
  readonly outcomes: readonly string[];
}

/** Injector to scheduler: a walk through the queue begins, is at some place in the tree, or ended. */
export interface Walk {
  readonly t: 'walk';
  readonly n: number;
  readonly phase: 'begin' | 'at' | 'end';
  /** Where it is: everything in the tree up to this id was handed on and taken. */
  readonly id?: string;
  /** At the end: how many messages were handed on, and how many have held recipients. */
  readonly injected?: number;
  readonly held?: number;
}

/** Command to scheduler: take these messages out of play; answered by Claimed. Closing the connection gives them back. */
export interface Claim {
  readonly t: 'claim';
  readonly n: number;
  readonly ids: readonly string[];
}

export interface Claimed {
  readonly t: 'claimed';
  readonly n: number;
  /** Out of play now. */
  readonly ids: readonly string[];
  /** In delivery at this moment: ask again. */
  readonly busy: readonly string[];
  /** Not known to the scheduler (held, finished, or not handed on yet). */
  readonly unknown: readonly string[];
}

/**
 * Command to scheduler: forget claimed messages: they are held, deleted, or go on as they are now. Answered by Taken. What goes on
 * is never without an owner, at whatever moment the command ends.
 */
export interface Forget {
  readonly t: 'forget';
  readonly n: number;
  readonly ids: readonly string[];
  /** They go on to be tried now: bins of theirs that wait as a whole are probed. */
  readonly probe?: boolean;
  /** What is left to do of the one message: the scheduler takes it in the same step. */
  readonly resumed?: Omit<Routed, 'n'>;
  /** They come back by a router: until then the claims stay, and the end of this connection gives them back. */
  readonly routing?: boolean;
}

export type Frame =
  | Hello
  | Accepted
  | Routed
  | Taken
  | Refused
  | AtWork
  | OpenLane
  | Job
  | Done
  | SiteRequest
  | SiteAnswer
  | Check
  | Verdict
  | Leaving
  | SegmentClosed
  | PlanRequest
  | Plan
  | Moved
  | Gone
  | Folded
  | Walk
  | Claim
  | Claimed
  | Forget
  | StatsRequest
  | Stats
  | TenantsRequest
  | TenantList
  | Dedicate
  | WorkRequest
  | Work
  | WhereRequest
  | Where;

export type FrameType = Frame['t'];
