/**
 * Where `queue` finds messages: by id without a walk, or by walking the files, one message in memory at a time. It only
 * reads, and so works beside a running farm and without one.
 */
import type { Config } from '../../config/config.ts';
import type { QueueId } from '../../queue/store.ts';
import { createDisk } from '../../queue/disk.ts';
import { isUnfinished, type QueuedMessage } from '../../queue/queued-message.ts';
import { QueueWalk, walkDeleted, walkQueue } from '../../queue/walk.ts';
import { seenByFarm } from './farm-view.ts';
import type { Selector } from './selectors.ts';

export interface QueueSource {
  readonly split: number;
  /** The configuration of the farm that runs, for selectors that ask it. */
  readonly farm?: Config | undefined;
  /** Messages are chosen to be changed: what is not known to be outside of `--not` stays out, and a farm that does not answer is an error. */
  readonly careful?: boolean | undefined;
  /** Ends the search. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The messages that the selector chooses, at most `limit` of them. What only the farm knows of them is in there if the selector asks.
 * Rejects with FarmSilent when that is needed and there is no answer.
 */
export async function* findMessages(
  source: QueueSource,
  selector: Selector,
  limit = Infinity,
): AsyncGenerator<QueuedMessage> {
  const now = Date.now();
  let found = 0;
  if (limit <= 0) return;
  const farm = selector.asksFarm ? source.farm : undefined;
  for await (const message of seenByFarm(candidates(source, selector, now), farm, source.careful)) {
    if (source.signal?.aborted) return;
    if (!selector.matches(message, now, source.careful)) continue;
    yield message;
    found += 1;
    if (found >= limit) return;
  }
}

/** What may be chosen as far as the files know. */
async function* candidates(source: QueueSource, selector: Selector, now: number): AsyncGenerator<QueuedMessage> {
  for await (const message of all(source, selector)) {
    if (source.signal?.aborted) return;
    if (selector.mayMatch(message, now)) yield message;
  }
}

function all({ split }: QueueSource, selector: Selector): AsyncIterable<QueuedMessage> {
  const disk = createDisk({ alone: true });
  const { deleted, operation, ids } = selector;
  if (deleted)
    return walkDeleted({ split, disk, ...(operation !== undefined && { operation }), ...(ids.size > 0 && { ids }) });
  return ids.size > 0 ? findByIds(split, ids) : walkQueue({ split, disk });
}

/** Looks at the tree first, where a name is a path; then through the journals, which are small. */
async function* findByIds(split: number, ids: ReadonlySet<string>): AsyncGenerator<QueuedMessage> {
  const walk = new QueueWalk({ split });
  try {
    await walk.readOutcomes();
    const left = new Set(ids);
    for (const id of ids) {
      const where = walk.fileOf(id as QueueId);
      if (where === undefined) continue;
      left.delete(id);
      const message = where === 'tree' ? await walk.treeMessage(id as QueueId) : undefined;
      if (message && isUnfinished(message)) yield message;
    }
    if (left.size === 0) return;
    for await (const segment of walk.segments()) {
      for await (const message of segment.messages()) if (left.delete(message.id)) yield message;
      if (left.size === 0) return;
    }
  } finally {
    walk.close();
  }
}
