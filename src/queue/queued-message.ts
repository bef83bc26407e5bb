/** A message in the queue and where each of its recipients stands, told from its record and its outcomes. */
import type { Envelope } from '../mail/envelope.ts';
import type { Outcome } from '../mail/outcome.ts';
import { foldOutcomes, type RecipientState } from './fold.ts';
import type { Handle, QueueId } from './store.ts';

export interface QueuedMessage {
  readonly id: QueueId;
  readonly handle: Handle;
  readonly envelope: Envelope;
  /** Bytes of content. */
  readonly size: number;
  readonly where: 'journal' | 'tree' | 'deleted';
  /** In the deleted queue: which deletion took it, where that is known, and when that began (ms since 1970). */
  readonly deletion?: { readonly operation?: QueueId; readonly at: number };
  /** Recipients that need something, without those that are done. */
  readonly recipients: readonly RecipientState[];
}

export function makeMessage(
  record: { readonly id: QueueId; readonly envelope: Envelope; readonly length: number },
  found: { readonly handle: Handle; readonly where: 'journal' | 'tree'; readonly outcomes: readonly Outcome[] },
): QueuedMessage {
  const { id, envelope, length } = record;
  const recipients = foldOutcomes(envelope, found.outcomes).filter((recipient) => recipient.state !== 'done');
  return { id, handle: found.handle, envelope, size: length, where: found.where, recipients };
}

export function isUnfinished(message: QueuedMessage): boolean {
  return message.recipients.length > 0;
}
