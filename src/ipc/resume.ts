/**
 * The frame that puts a message of the queue back to work: to the router as the acceptor would when a recipient has no hop
 * yet, else to the scheduler as the router would. For the injector, and for commands after they changed a state.
 */
import { agesFrom, type Envelope } from '../mail/envelope.ts';
import type { Hop } from '../mail/outcome.ts';
import type { QueuedMessage } from '../queue/queued-message.ts';
import type { RecipientState } from '../queue/fold.ts';
import type { HandedOn } from './hand-on.ts';
import type { Part } from './messages.ts';

const BOUNCE: Hop = { channel: 'bounce', next: '' };

export interface Resumed {
  readonly to: 'router' | 'scheduler';
  readonly frame: HandedOn;
}

/** Undefined when nothing is to be done: every recipient is held or done. */
export function resumeFrame(message: QueuedMessage): Resumed | undefined {
  const { handle, size } = message;
  const envelope = asReleased(message);
  const active = message.recipients.filter((recipient) => recipient.state !== 'held');
  if (active.length === 0) return undefined;
  const stays = active.length < message.recipients.length ? { stays: true } : {};
  const unrouted = active.filter((recipient) => hopOf(recipient) === undefined);
  const only = unrouted.map((recipient) => recipient.address);
  const again = unrouted.filter((recipient) => recipient.state === 'deferred').map((recipient) => recipient.address);
  const told = unrouted.filter((recipient) => recipient.warned).map((recipient) => recipient.address);
  const parts = gather(active);
  if (only.length > 0) {
    const tried = again.length > 0 ? { tried: again } : {};
    const warned = told.length > 0 ? { warned: told } : {};
    return {
      to: 'router',
      frame: { t: 'accepted', handle, envelope, only, ...tried, ...warned, parts, size, ...stays },
    };
  }
  const { sender, tenant, deliverBy } = envelope;
  const received = agesFrom(envelope);
  const by = deliverBy ? { by: deliverBy } : {};
  return { to: 'scheduler', frame: { t: 'routed', handle, sender, received, tenant, size, ...by, parts, ...stays } };
}

/** Without the time before which it was not to leave, when an operator let it go earlier: it ages from then. */
function asReleased({ envelope, recipients }: QueuedMessage): Envelope {
  const released = envelope.notBefore === undefined ? [] : recipients.flatMap((one) => one.released ?? []);
  if (released.length === 0) return envelope;
  const { notBefore: _notBefore, ...rest } = envelope;
  return { ...rest, received: Math.max(envelope.received, ...released) };
}

function hopOf(recipient: RecipientState): Hop | undefined {
  return isOwed(recipient) ? BOUNCE : recipient.hop;
}

/** Nothing is left to do for it but its report. */
function isOwed({ state }: RecipientState): boolean {
  return state === 'failed' || state === 'succeeded';
}

/** Recipients with the same hop, time and history travel together. */
function gather(recipients: readonly RecipientState[]): Part[] {
  const parts = new Map<string, Part & { to: string[] }>();
  for (const recipient of recipients) {
    const hop = hopOf(recipient);
    if (!hop) continue;
    const { attempts, until, reply, warned } = recipient;
    const owed = isOwed(recipient);
    const notice = recipient.state === 'succeeded' ? (recipient.notice ?? 'delivered') : undefined;
    // A report that was put off tells each his own reason.
    const reason = owed || hop.channel === 'bounce' ? reply : undefined;
    const key = JSON.stringify([hop, attempts, until, reason, warned, notice]);
    const part = parts.get(key);
    if (part) part.to.push(recipient.address);
    else {
      parts.set(key, {
        hop,
        to: [recipient.address],
        attempts,
        ...(until === undefined || owed ? {} : { until }),
        ...(reply === undefined ? {} : { reply }),
        ...(notice === undefined ? {} : { notice }),
        ...(warned ? { warned } : {}),
      });
    }
  }
  return [...parts.values()];
}
