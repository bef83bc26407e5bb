/**
 * Outcomes: what became of a recipient. Expected ends of an attempt are values of this type, never exceptions.
 *
 * A recipient is known by its address within its message. One outcome may speak of many recipients.
 */
import type { ReplyClass } from './reply-class.ts';

/** What a next hop answered, or what we say in its place. */
export interface Reply {
  /** SMTP code, 200 to 599. For trouble that has no answer (refused connection, no route) one of ours, as 451. */
  readonly code: number;
  /** Enhanced status code (RFC 3463), as `4.4.1`. */
  readonly status: string;
  /** Text of the answer, one line, control characters replaced, at most 1000 characters. */
  readonly text: string;
  /** What it means, where it refuses or puts off. */
  readonly class?: ReplyClass;
  /** Host that answered, as `mx.example.org [192.0.2.1]:25`; absent when nobody did. */
  readonly remote?: string;
}

/** The channel and next hop of a recipient: with the pool and site, they name its bin. */
export interface Hop {
  readonly channel: Channel;
  /**
   * What the channel connects to or writes to. smtp: `[192.0.2.1]:25`, `[host.name]:25` (no MX lookup), `mx:example.org`,
   * `route:example.org` for the MX of a domain that a route names instead of the recipient's, or `drill:RUN` for the sink of a drill
   * that runs on this machine; a bin of the scheduler may be for `site:KEY`, all next hops with the same MX hosts; lmtp: `unix:/path` or `[host]:24`; maildir: `example.org/user`; bounce: ''.
   */
  readonly next: string;
}

export const CHANNELS = ['smtp', 'lmtp', 'maildir', 'bounce'] as const;
export type Channel = (typeof CHANNELS)[number];

/** Final: delivered, bounced, expanded, dropped, deleted. Not final: deferred, failed and succeeded (a report is still owed), held. */
export type OutcomeState =
  /** The next hop, or the disk for a Maildir, took responsibility. */
  | 'delivered'
  /** Try again at `until`. */
  | 'deferred'
  /** Permanent failure; the scheduler gives it to the bounce channel. Not final. */
  | 'failed'
  /** Delivered, relayed or expanded, and its sender is to be told so (NOTIFY=SUCCESS): a report is owed. Never tried again. Not final. */
  | 'succeeded'
  /** Its failure is reported: the bounce is in the queue. */
  | 'bounced'
  /** Failed, and nobody may be told (null sender, NOTIFY=NEVER, bounce of a bounce). */
  | 'dropped'
  /** An alias or list: `into` lists the recipients that stand in its place. */
  | 'expanded'
  /** Deleted by an operator (kept in the deleted queue). */
  | 'deleted'
  /** Not to be tried until released: by an operator, a quarantine verdict, or as a suspect that crashed workers. */
  | 'held'
  /** Released from `held`: back to what it was before. Or, by an operator, from the wait for the time of Envelope.notBefore. */
  | 'released'
  /** The delayed warning was queued; says nothing of delivery. */
  | 'warned';

/** Good news, by the Action of its report (RFC 3464 section 2.3.3). */
export const NOTICES = ['relayed', 'delivered', 'expanded'] as const;
export type Notice = (typeof NOTICES)[number];

export interface Outcome {
  readonly state: OutcomeState;
  /** Addresses of the recipients it speaks of. */
  readonly recipients: readonly string[];
  /** When it was reached, milliseconds since 1970. */
  readonly at: number;
  /** How often delivery was attempted, this one included. */
  readonly attempts?: number;
  /** For deferred: when to try next, milliseconds since 1970. */
  readonly until?: number;
  /** For deferred: where it was tried, so that the injector can skip the router. */
  readonly hop?: Hop;
  /** For deferred, by an operator's wish: it is routed anew, and its retry times begin again. */
  readonly afresh?: boolean;
  readonly reply?: Reply;
  /** For succeeded: what the report will say. */
  readonly notice?: Notice;
  /** For expanded, also where that is to be told. */
  readonly into?: readonly string[];
  /** For held: who or what asked for it, in words. */
  readonly why?: string;
}

const FINAL: ReadonlySet<OutcomeState> = new Set(['delivered', 'bounced', 'expanded', 'dropped', 'deleted']);

/** True when nothing more will be done for the recipients of an outcome in this state. */
export function isFinal(state: OutcomeState): boolean {
  return FINAL.has(state);
}
