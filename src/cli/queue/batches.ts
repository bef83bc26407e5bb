/** The chosen messages of a working verb, in batches, and each as it stands when its turn comes. */
import { IdSet } from '../../queue/id-set.ts';
import type { QueuedMessage } from '../../queue/queued-message.ts';
import { QueueWalk } from '../../queue/walk.ts';

const BATCH = 100;

/** A message that a verb moved from a journal to the tree is met there again by the walk: it is passed over. */
export async function* batches(messages: AsyncIterable<QueuedMessage>): AsyncGenerator<readonly QueuedMessage[]> {
  const moved = new IdSet();
  let batch: QueuedMessage[] = [];
  for await (const message of messages) {
    if (message.where === 'journal' ? !moved.add(message.id) : moved.has(message.id)) continue;
    batch.push(message);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Reads messages again that became ours after the walk: each costs its own files, and what was added to the outcome journals since. */
export class Rereader {
  readonly #walk: QueueWalk;

  constructor(split: number) {
    this.#walk = new QueueWalk({ split });
  }

  /** The same messages as they stand now, by id, without those that are finished. */
  async read(messages: readonly QueuedMessage[]): Promise<ReadonlyMap<string, QueuedMessage>> {
    await this.#walk.readOutcomes();
    const found = new Map<string, QueuedMessage>();
    for (const message of messages) {
      const now = await this.#walk.reread(message);
      if (now) found.set(message.id, now);
    }
    return found;
  }

  close(): void {
    this.#walk.close();
  }
}
