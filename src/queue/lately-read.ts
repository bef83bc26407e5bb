/**
 * How many recipients the messages have that this process read of late: whoever records outcomes read the message a moment
 * before. So it is known, without a second look at the disk, when outcomes speak of the whole message.
 */
import { isFinal, type Outcome } from '../mail/outcome.ts';
import { idOfHandle } from './handle.ts';
import type { StoredMessage } from './store.ts';

/** Messages that are remembered; one that was forgotten costs a folding that was not needed. */
const REMEMBERED = 1000;

export class LatelyRead {
  readonly #recipients = new Map<string, ReadonlySet<string>>();

  note(message: StoredMessage): void {
    this.#recipients.delete(message.id);
    this.#recipients.set(message.id, new Set(message.envelope.recipients.map(({ address }) => address)));
    if (this.#recipients.size <= REMEMBERED) return;
    const [oldest] = this.#recipients.keys();
    if (oldest !== undefined) this.#recipients.delete(oldest);
  }

  /**
   * True when the outcomes finish every recipient of the message at the first attempt. Otherwise the message may have, or may
   * get, a file in the tree, and what is recorded here must reach the state file beside it.
   */
  areWhole(handle: string, outcomes: readonly Outcome[]): boolean {
    const open = new Set(this.#recipients.get(idOfHandle(handle)) ?? [UNKNOWN]);
    for (const { state, recipients, attempts = 1 } of outcomes) {
      if (!isFinal(state) || state === 'expanded' || attempts > 1) return false;
      for (const address of recipients) open.delete(address);
    }
    return open.size === 0;
  }
}

/** No address: a message that was not read has a recipient that no outcome speaks of. */
const UNKNOWN = '';
