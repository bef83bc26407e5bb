/**
 * A queued message in words and as JSON: the same view for list, show and the working verbs.
 */
import { oneLine } from '../../base/text.ts';
import type { RecipientState } from '../../queue/fold.ts';
import type { QueuedMessage } from '../../queue/queued-message.ts';
import type { Column } from '../common/table.ts';
import { replyWords } from './recipient-tests.ts';
import { formatAge, formatSize, formatTime, formatUntil, isoTime } from '../common/units.ts';

/** Columns of `queue list`; of the deleted queue with who took what when. */
export function listColumns(now: number, deleted = false): readonly Column<QueuedMessage>[] {
  return [
    { title: 'ID', cell: (message) => message.id },
    { title: 'AGE', cell: (message) => formatAge(now - message.envelope.received), align: 'right' },
    { title: 'SIZE', cell: (message) => formatSize(message.size), align: 'right' },
    { title: 'STATE', cell: describeState },
    { title: 'NEXT', cell: (message) => nextAttempt(message, now) },
    ...(deleted ? deletionColumns(now) : []),
    { title: 'SENDER', cell: (message) => message.envelope.sender || '<>', max: 40 },
    { title: 'RECIPIENTS', cell: describeRecipients, max: 50 },
    { title: 'REASON', cell: (message) => describeReason(message.recipients, now), max: 80 },
  ];
}

function deletionColumns(now: number): readonly Column<QueuedMessage>[] {
  return [
    { title: 'DELETED', cell: ({ deletion }) => (deletion ? formatAge(now - deletion.at) : '-'), align: 'right' },
    { title: 'OPERATION', cell: ({ deletion }) => deletion?.operation ?? '-' },
  ];
}

/** Columns of the recipients in `queue show`. */
export function recipientColumns(now: number): readonly Column<RecipientState>[] {
  return [
    { title: 'RECIPIENT', cell: (one) => one.address },
    { title: 'STATE', cell: (one) => one.state },
    { title: 'TRIES', cell: (one) => String(one.attempts), align: 'right' },
    { title: 'NEXT', cell: (one) => (one.until === undefined ? '-' : formatUntil(one.until, now)) },
    { title: 'HOP', cell: (one) => (one.hop ? `${one.hop.channel} ${one.hop.next}` : '-') },
    { title: 'REASON', cell: (one) => describeReason([one], now), max: 200 },
  ];
}

/** `deferred`, or `deferred+held` where recipients differ. */
export function describeState(message: QueuedMessage): string {
  if (message.where === 'deleted') return 'deleted';
  const states = new Set(message.recipients.map((one) => one.state));
  return [...states].sort().join('+') || 'done';
}

function nextAttempt(message: QueuedMessage, now: number): string {
  // Nobody tries what an operator deleted.
  if (message.where === 'deleted') return '-';
  const times = message.recipients.flatMap((one) => one.until ?? (one.state === 'deferred' ? now : []));
  return times.length === 0 ? '-' : formatUntil(Math.min(...times), now);
}

function describeRecipients(message: QueuedMessage): string {
  const addresses = addressesOf(message);
  const first = addresses[0] ?? '-';
  return addresses.length > 1 ? `${oneLine(first, 38)} +${addresses.length - 1} more` : first;
}

/** Those that need something; all of them in the deleted queue. */
function addressesOf(message: QueuedMessage): readonly string[] {
  const open = message.recipients.map((one) => one.address);
  return open.length > 0 ? open : message.envelope.recipients.map((one) => one.address);
}

/** Why a recipient is held, the last answer, or the time before which it was not tried yet. */
function describeReason(recipients: readonly RecipientState[], now: number): string {
  const reasonOf = (one: RecipientState): string | undefined =>
    (one.state === 'held' ? one.why : undefined) ?? replyText(one) ?? waitText(one, now);
  return recipients.map(reasonOf).find(Boolean) ?? '-';
}

/** Only its sender makes a recipient wait before the first attempt. */
function waitText({ state, until = 0 }: RecipientState, now: number): string | undefined {
  return state === 'waiting' && until > now ? `waits until ${formatTime(until)}, as its sender wishes` : undefined;
}

function replyText(one: RecipientState): string | undefined {
  if (!one.reply) return undefined;
  const { remote } = one.reply;
  const words = replyWords(one.reply);
  return remote === undefined ? words : `${remote}: ${words}`;
}

/** What every `--json` begins with that tells of a message: stable names, times in ISO form, ages in seconds. */
export function headJson({ id, where, size, envelope }: QueuedMessage, now: number): Record<string, unknown> {
  return {
    id,
    where,
    sender: envelope.sender,
    received: isoTime(envelope.received),
    age: Math.max(0, Math.floor((now - envelope.received) / 1000)),
    size,
    tenant: envelope.tenant,
  };
}

/** What `--json` prints of a message. */
export function messageJson(message: QueuedMessage, now: number): Record<string, unknown> {
  const { envelope } = message;
  return {
    ...headJson(message, now),
    origin: envelope.origin,
    ...(envelope.notBefore !== undefined && { notBefore: isoTime(envelope.notBefore) }),
    ...(envelope.deliverBy && { deliverBy: { ...envelope.deliverBy, at: isoTime(envelope.deliverBy.at) } }),
    state: describeState(message),
    ...deletionJson(message),
    recipients: message.recipients.map(recipientJson),
  };
}

/** Which deletion took it and when; nothing for what is not in the deleted queue. */
export function deletionJson({ deletion }: QueuedMessage): Record<string, unknown> {
  return deletion ? { deletion: { ...deletion, at: isoTime(deletion.at) } } : {};
}

/** Of one recipient: times in ISO form. */
function recipientJson(one: RecipientState): Record<string, unknown> {
  return { ...one, until: isoTime(one.until), tried: isoTime(one.tried), heldAt: isoTime(one.heldAt) };
}
