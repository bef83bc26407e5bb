/**
 * The working verbs, one message at a time: what each does to a message that is ours at this moment.
 *
 * It says nothing of how the message became ours; live.ts and this file's callers see to that.
 */
import type { QueueOperator } from '../../queue/operate.ts';
import type { QueueId } from '../../queue/store.ts';
import type { QueuedMessage } from '../../queue/queued-message.ts';

export const WORKING_VERBS = ['retry', 'hold', 'release', 'bounce', 'delete', 'restore'] as const;
export type WorkingVerb = (typeof WORKING_VERBS)[number];

/** How a verb is told when it is done. */
export const PAST: Readonly<Record<WorkingVerb, string>> = {
  retry: 'put back to work',
  hold: 'held',
  release: 'released',
  bounce: 'bounced',
  delete: 'moved to the deleted queue',
  restore: 'restored',
};

/** The event in the log. */
export const EVENT: Readonly<Record<WorkingVerb, string>> = {
  retry: 'retried',
  hold: 'held',
  release: 'released',
  bounce: 'given-up',
  delete: 'deleted',
  restore: 'restored',
};

/** Why a verb does not fit a message; undefined when it does. */
export function whyNotFit(verb: WorkingVerb, message: QueuedMessage): string | undefined {
  const states = new Set(message.recipients.map((one) => one.state));
  if (verb === 'release' && !states.has('held')) return 'it is not held';
  if (verb === 'hold' && states.size === 1 && states.has('held')) return 'it is held already';
  if (verb === 'retry' && states.size === 1 && states.has('held')) return 'it is held: queue release lets it go';
  return undefined;
}

/** Does it, durably. Answers with the message as it is then; undefined when nothing of it is left in the queue. */
export async function workOn(
  operator: QueueOperator,
  verb: WorkingVerb,
  message: QueuedMessage,
  how: { readonly reason?: string | undefined; readonly operation?: QueueId | undefined },
): Promise<QueuedMessage | undefined> {
  const { reason, operation } = how;
  switch (verb) {
    case 'retry':
      return operator.retry(message);
    case 'hold':
      return operator.hold(message, reason ?? 'held by an operator');
    case 'release':
      return operator.release(message);
    case 'bounce':
      return operator.bounce(message, {
        code: 554,
        status: '5.0.0',
        text: reason ?? 'returned to its sender by an operator',
      });
    case 'restore':
      return operator.restore(message);
    case 'delete':
      await operator.delete(message, operation);
      return undefined;
  }
}
