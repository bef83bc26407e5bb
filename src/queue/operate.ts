/**
 * What an operator may do to a message in the queue, durably, on the files. Whoever calls owns the message: it was claimed from
 * the scheduler, or no farm runs. Afterwards the message is handed on again where it has anything to do.
 */
import type { Outcome, Reply } from '../mail/outcome.ts';
import type { OutcomeState } from '../mail/outcome.ts';
import { moveToDeleted, restoreFromDeleted } from './deleted.ts';
import { createDisk } from './disk.ts';
import { applyOutcomes } from './fold.ts';
import { parseHandle, treeHandle } from './handle.ts';
import type { Layout } from './layout.ts';
import { outcomeLines } from './record.ts';
import type { Handle, QueueId, Store } from './store.ts';
import { appendState, type TreeOptions } from './tree.ts';
import type { QueuedMessage } from './queued-message.ts';
import { QueueWalk } from './walk.ts';

export class QueueOperator {
  readonly #store: Store;
  readonly #tree: TreeOptions;
  readonly #walk: QueueWalk;

  constructor(store: Store, layout: Layout) {
    this.#store = store;
    this.#tree = { disk: createDisk(), layout };
    this.#walk = new QueueWalk({ dir: layout.root, split: layout.split });
  }

  /** Nothing is tried until released. */
  hold(message: QueuedMessage, why: string): Promise<QueuedMessage> {
    return this.#mark(message, 'held', { why });
  }

  /** Held recipients are what they were before: never tried, waiting for their time, or owed a bounce. */
  release(message: QueuedMessage): Promise<QueuedMessage> {
    return this.#mark(message, 'released', {}, 'held');
  }

  /**
   * Deferred recipients are tried at once, by the routes of today, as if for the first time. Those that wait for the time that the
   * sender named wait no more. What failed stays so: its report is tried.
   */
  async retry(message: QueuedMessage): Promise<QueuedMessage> {
    await this.#intoTree(message);
    const at = Date.now();
    const deferred = message.recipients.filter((recipient) => recipient.state === 'deferred');
    const outcomes = deferred.map(({ address, hop, attempts }): Outcome => {
      const again = { state: 'deferred', recipients: [address], at, until: at } as const;
      return hop?.channel === 'bounce' ? { ...again, attempts, hop } : { ...again, attempts: 0, afresh: true };
    });
    const early = message.recipients.filter(({ state, until }) => state === 'waiting' && until !== undefined);
    const recipients = early.map(({ address }) => address);
    if (recipients.length > 0) outcomes.push({ state: 'released', recipients, at });
    return this.#append(message, outcomes);
  }

  /** All recipients that are not delivered yet count as failed with this reply: the sender gets a bounce. */
  bounce(message: QueuedMessage, reply: Reply): Promise<QueuedMessage> {
    return this.#mark(message, 'failed', { reply });
  }

  /** Into the deleted queue; `operation` names what it may be restored by, together with others. */
  async delete(message: QueuedMessage, operation?: QueueId): Promise<void> {
    await this.#intoTree(message);
    await moveToDeleted(this.#tree, message.id, operation);
  }

  /** Back from the deleted queue. */
  async restore(message: QueuedMessage): Promise<QueuedMessage> {
    await restoreFromDeleted(this.#tree, message.id, message.deletion?.operation);
    return this.#reread(message);
  }

  async #mark(
    message: QueuedMessage,
    state: OutcomeState,
    more: Partial<Outcome>,
    only?: string,
  ): Promise<QueuedMessage> {
    await this.#intoTree(message);
    const chosen = message.recipients.filter((recipient) => only === undefined || recipient.state === only);
    const recipients = chosen.map((recipient) => recipient.address);
    return this.#append(message, recipients.length > 0 ? [{ state, recipients, at: Date.now(), ...more }] : []);
  }

  /**
   * The message as it is afterwards. Its owner read it after it became his, so what he read and what he adds is all: to
   * read every outcome journal again for each of many messages would take the square of their number.
   */
  async #append(message: QueuedMessage, outcomes: readonly Outcome[]): Promise<QueuedMessage> {
    if (outcomes.length > 0) await appendState(this.#tree, message.id, outcomeLines(message.id, outcomes));
    const recipients = applyOutcomes(message.recipients, outcomes).filter((one) => one.state !== 'done');
    return { ...message, handle: treeHandle(message.id), where: 'tree', recipients };
  }

  /** States live beside the message in the tree, so it goes there first. */
  async #intoTree(message: QueuedMessage): Promise<void> {
    if (message.where === 'journal') await this.#store.moveToTree(message.handle);
  }

  async #reread(message: QueuedMessage): Promise<QueuedMessage> {
    await this.#walk.readOutcomes();
    const found = await this.#walk.treeMessage(message.id);
    if (!found) throw new Error(`${message.id} left the queue meanwhile`);
    return found;
  }
}

/** Holds some recipients of a message, durably, wherever the message is. */
export function holdRecipients(
  where: { readonly store: Store; readonly layout: Layout },
  handle: Handle,
  held: { readonly recipients: readonly string[]; readonly why: string },
): Promise<void> {
  return keepOutcomes(where, handle, [{ state: 'held', at: Date.now(), ...held }]);
}

/** Writes down what became of some recipients, durably, with the message itself. */
export async function keepOutcomes(
  where: { readonly store: Store; readonly layout: Layout },
  handle: Handle,
  outcomes: readonly Outcome[],
): Promise<void> {
  const parsed = parseHandle(handle);
  if (!parsed) throw new TypeError(`not a handle: ${handle}`);
  await where.store.moveToTree(handle);
  await appendState({ disk: createDisk(), layout: where.layout }, parsed.id, outcomeLines(parsed.id, outcomes));
}
