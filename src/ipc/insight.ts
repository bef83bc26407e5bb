/** Frames in which commands ask the scheduler what it has in hand, and how tenants are treated. A part of the catalogue in messages.ts. */
import type { Hop, Reply } from '../mail/outcome.ts';

export interface StatsRequest {
  readonly t: 'stats?';
  readonly n: number;
}

export interface BinStats {
  readonly hop: Hop;
  readonly waiting: number;
  readonly lanes: number;
  readonly inDelivery: number;
  /** The bin waits as a whole until then, milliseconds since 1970. */
  readonly until?: number;
  readonly trouble?: Reply;
}

/** In recipients, since the scheduler started: what became of all that came in. */
export interface Books {
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Recipients of messages that were handed on to it. */
  readonly entered: number;
  /** Recipients that stand in the place of aliases and lists. */
  readonly made: number;
  readonly delivered: number;
  readonly bounced: number;
  readonly dropped: number;
  /** Aliases and lists. */
  readonly expanded: number;
  readonly held: number;
  /** A worker found no message: what there may be of it, the injector finds. */
  readonly vanished: number;
  /** Taken over by commands; what these hand on enters once more. */
  readonly commands: number;
  /** Still here: waiting, with a worker, or lent to a command. */
  readonly queued: number;
}

export interface Stats {
  readonly t: 'stats';
  readonly n: number;
  /** Messages in memory, and messages that wait in the index. */
  readonly active: number;
  readonly parked: number;
  readonly walking: boolean;
  readonly segments: number;
  /** The largest bins, at most 100. */
  readonly bins: readonly BinStats[];
  readonly counts: Readonly<Record<string, number>>;
  readonly books: Books;
}

/** Acceptor or command to scheduler: what waits for whom? Answered by TenantList. */
export interface TenantsRequest {
  readonly t: 'tenants?';
  readonly n: number;
}

export interface TenantStats {
  readonly name: string;
  /** Messages in the scheduler's hands. */
  readonly queued: number;
  /** Bins in which its mail waits for its own limits. */
  readonly stalled: number;
  /** Lanes of each channel for it alone. */
  readonly dedicated: number;
}

export interface TenantList {
  readonly t: 'tenants';
  readonly n: number;
  /** Those that are configured, or have mail there. */
  readonly tenants: readonly TenantStats[];
}

/** Command to scheduler: so many lanes of each channel for this tenant alone, 0 for none. Answered by Taken or Refused. */
export interface Dedicate {
  readonly t: 'dedicate';
  readonly n: number;
  readonly tenant: string;
  readonly lanes: number;
}

/** A drain to scheduler: is there anything to do now? Answered by Work. */
export interface WorkRequest {
  readonly t: 'work?';
  readonly n: number;
  /** Count the messages that wait, too: it takes a look at each. */
  readonly count?: boolean;
}

export interface Work {
  readonly t: 'work';
  readonly n: number;
  /** Something is at work or can be done now, or the injector walks. Without that everything that is left waits for a time. */
  readonly busy: boolean;
  /** The same scheduler all the time: when it started, ms since 1970. */
  readonly since: number;
  /** Since then: messages that it took over, and jobs of which it had a report. */
  readonly taken: number;
  readonly reported: number;
  /** Jobs with workers at this moment. */
  readonly inDelivery: number;
  /** Recipients that were delivered to, and such whose failure was reported to the sender. */
  readonly delivered: number;
  readonly bounced: number;
  /** Parts of messages in memory and in the index; with `count`: messages. */
  readonly left: number;
  /** Messages with held recipients, as far as this scheduler heard of them. */
  readonly held: number;
}

/** Command to scheduler: what do these messages wait for? Answered by Where. */
export interface WhereRequest {
  readonly t: 'where?';
  readonly n: number;
  readonly ids: readonly string[];
  /** For few messages: also what their bins do, and their places in line. */
  readonly closely?: boolean;
}

/** Recipients of a message in the scheduler's hands that wait for the same. */
export interface WherePart {
  readonly id: string;
  readonly hop: Hop;
  readonly to: readonly string[];
  /** With a worker at this moment. */
  readonly inDelivery?: boolean;
  /** Not before, milliseconds since 1970: its own time, or that of its bin where that is later. */
  readonly until?: number;
  /** Why its bin waits as a whole. */
  readonly trouble?: Reply;
  /** Looked at closely: the bin it waits in. */
  readonly bin?: WhereBin;
  /**
   * Looked at closely: parts of the same tenant that the bin gives out before it, 10,000 at most; absent unless it waits for its turn,
   * and where one answer would have to count too many.
   */
  readonly ahead?: number;
  /** Looked at closely: a worker died over it, so it is delivered with nothing beside it. */
  readonly suspect?: boolean;
  /** Looked at closely: it waits because its tenant may do no more at this moment. */
  readonly limited?: boolean;
}

/** A bin as a message in it sees it. */
export interface WhereBin {
  /** Parts that wait in it. */
  readonly waiting: number;
  readonly lanes: number;
  /** Parts with a worker. */
  readonly inDelivery: number;
  /** Troubles in a row: above 0 one lane probes it. */
  readonly troubles: number;
  /** It waits as a whole until then, milliseconds since 1970. */
  readonly until?: number;
  /** Tenants that take turns in it, where they are several. */
  readonly tenants?: number;
}

export interface Where {
  readonly t: 'where';
  readonly n: number;
  /** Some 10,000 recipients at most: of what is too much, nothing is said. */
  readonly parts: readonly WherePart[];
  /** Of the messages asked for, those that a command has in hand. */
  readonly claimed?: readonly string[];
}
