/**
 * What the scheduler keeps in memory: messages with work to do, and their parts (the recipients of one message that share a bin).
 * Pointers only: no content, no envelope beyond the sender.
 */
import type { DeliverBy } from '../mail/envelope.ts';
import type { Hop, Reply } from '../mail/outcome.ts';
import type { Failure, Part, ReportKind, Routed } from '../ipc/messages.ts';

/** What is known of a message; goes into the index as it is, so it is plain JSON. */
export interface MessageFacts {
  readonly handle: string;
  readonly sender: string;
  readonly received: number;
  readonly tenant: string;
  readonly size: number;
  readonly by?: DeliverBy;
}

/** A message with at least one part in memory. */
export interface Message {
  readonly id: string;
  readonly facts: MessageFacts;
  /** Parts in memory: in a bin, or in delivery. */
  readonly parts: Set<WorkPart>;
  /** Other parts of it may wait in the index. */
  parked: boolean;
  /** Held recipients keep it in the queue when all parts are finished. */
  stays: boolean;
  /** A worker did not find it: what there may be of it on disk is none of our business. */
  vanished?: boolean;
}

export interface WorkPart {
  readonly message: Message;
  readonly hop: Hop;
  readonly to: readonly string[];
  readonly attempts: number;
  readonly warned: boolean;
  /** Its sender wants it to leave at that time of day, ms since 1970, and not before. */
  readonly notBefore?: number;
  /** Last answer, told when the recipients expire. */
  readonly reply?: Reply;
  /** For the bounce channel: what it reports, and as what. */
  readonly failures?: readonly Failure[];
  readonly kind?: ReportKind;
  /** What the deaths of workers that were delivering it weigh; see suspects.ts. */
  blame: number;
  /** With a worker at this moment. */
  inFlight: boolean;
  /** Taken out of play (claimed, parked): whoever finds it in a bin passes it over. */
  gone: boolean;
  /** The index had no room for it: it waits in no bin, and counts for nothing, until this tick; 0: for its bin. */
  due?: number | undefined;
}

/** A part without its message: what the index stores, and what a new part is made of. */
export type PartFacts = Pick<WorkPart, 'hop' | 'to' | 'attempts' | 'warned'> &
  Partial<Pick<WorkPart, 'notBefore' | 'reply' | 'failures' | 'kind' | 'blame'>>;

export function binKey(hop: Hop): string {
  return `${hop.channel} ${hop.next}`;
}

/** The hop that all parts of a bin share: mailboxes are so many, and so much the same disk, that they have one bin in all. */
export function binHop(hop: Hop): Hop {
  return hop.channel === 'maildir' ? MAILDIRS : hop;
}

const MAILDIRS: Hop = { channel: 'maildir', next: '' };

export function factsOf(frame: Omit<Routed, 'n'>): MessageFacts {
  const { handle, sender, received, tenant, size, by } = frame;
  return by === undefined ? { handle, sender, received, tenant, size } : { handle, sender, received, tenant, size, by };
}

/** The part of a routed frame; what goes to the bounce channel carries its reason. */
export function partFactsOf(part: Part): PartFacts {
  const { hop, to, attempts = 0, warned = false, reply } = part;
  const facts = { hop, to, attempts, warned, ...(reply ? { reply } : {}) };
  if (part.notBefore !== undefined) return { ...facts, notBefore: part.notBefore };
  if (hop.channel !== 'bounce') return facts;
  const unknown: Reply = { code: 550, status: '5.0.0', text: 'delivery failed', class: 'other' };
  return { ...facts, kind: part.notice ?? 'failed', failures: [{ to, reply: reply ?? unknown }] };
}

export function newPart(message: Message, facts: PartFacts): WorkPart {
  const part: WorkPart = { blame: 0, ...facts, message, inFlight: false, gone: false };
  message.parts.add(part);
  return part;
}

/** Recipients that a part is all there is of: those of a warning go their own way. */
export function recipientsOf({ kind, to }: Pick<WorkPart, 'kind' | 'to'>): number {
  return kind === 'delayed' ? 0 : to.length;
}

/** Recipients that take about as much memory as the rest of a part. */
const LIGHT = 10;

/** What a part counts in the window: with a thousand recipients it is as much memory as a hundred parts with one. */
export function weightOf(part: Pick<WorkPart, 'to'>): number {
  return Math.max(1, Math.ceil(part.to.length / LIGHT));
}

/** Everything of a part but its message, as plain JSON. */
export function stripPart(part: WorkPart): PartFacts {
  const { message: _message, gone: _gone, inFlight: _inFlight, due: _due, ...facts } = part;
  return facts;
}
