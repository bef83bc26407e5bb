/**
 * How many recipients the messages have that this process read of late: whoever records outcomes read the message a moment
 * before. So it is known, without a second look at the disk, when outcomes speak of the whole message.
 */
import { isFinal, type Outcome } from '../mail/outcome.ts';
import { idOfHandle } from './handle.ts';
import type { Recipient } from '../mail/envelope.ts';
import type { StoredMessage } from './store.ts';

/** Messages that are remembered; one that was forgotten costs a folding that was not needed. */
const REMEMBERED = 1000;

export class LatelyRead {
  readonly #recipients = new Map<string, readonly Recipient[]>();

  note(message: StoredMessage): void {
    this.#recipients.delete(message.id);
    this.#recipients.set(message.id, message.envelope.recipients);
    if (this.#recipients.size <= REMEMBERED) return;
    const [oldest] = this.#recipients.keys();
    if (oldest !== undefined) this.#recipients.delete(oldest);
  }

  /**
   * True when the outcomes finish every recipient of the message at the first attempt: then it is forgotten. Otherwise the message may have, or may
   * get, a file in the tree, and what is recorded here must reach the state file beside it.
   */
  areWhole(handle: string, outcomes: readonly Outcome[]): boolean {
    const id = idOfHandle(handle);
    const known = this.#recipients.get(id);
    if (known === undefined) return false;
    const open = new Set<string>();
    for (const { address } of known) open.add(address);
    for (const { state, recipients, attempts = 1 } of outcomes) {
      if (!isFinal(state) || state === 'expanded' || attempts > 1) return false;
      for (const address of recipients) open.delete(address);
    }
    const whole = open.size === 0;
    if (whole) this.#recipients.delete(id);
    return whole;
  }
}
