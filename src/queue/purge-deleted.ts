/**
 * Removes for good what was in the deleted queue for its time. First the line in the log, then the message, and what says what became of
 * its recipients last, each durably: a crash that brings a message back must not have taken its outcomes.
 */
import type { Logger } from '../log/logger.ts';
import { deletedNames, deletionOf, namedAt, type DeletedName } from './deleted-names.ts';
import { isThere } from './disk.ts';
import { deletedPath, deletionMarkPath, folder, messagePath } from './layout.ts';
import type { TreeOptions } from './tree.ts';

export interface Purging extends TreeOptions {
  /** What was deleted before that time goes, ms since 1970. */
  readonly before: number;
  readonly log: Pick<Logger, 'info' | 'flush'>;
  /** Ends it between two batches. */
  readonly stopped: () => boolean;
}

/** Messages that share their syncs. */
const BATCH = 200;
/** How long the log is waited for, in ms. */
const LOG_MS = 5000;

/** Resolves with how many messages went. */
export async function purgeDeleted(purging: Purging): Promise<number> {
  let purged = 0;
  let batch: DeletedName[] = [];
  for await (const one of deletedNames(purging.layout)) {
    if (purging.stopped()) break;
    if (!isOld(purging, one)) continue;
    batch.push(one);
    if (batch.length < BATCH) continue;
    purged += await purge(purging, batch);
    batch = [];
  }
  return purged + (await purge(purging, batch));
}

/**
 * By its mark and by its name, of which one may be younger: it may be just about to be deleted for the second time. What is in the tree
 * too is on its way, here or back.
 */
function isOld({ layout, before }: Purging, name: DeletedName): boolean {
  const { id, message } = name;
  if (!message) return name.operations.length > 0 && deletionOf(layout, name).at < before;
  return deletionOf(layout, name).at < before && namedAt(layout, id) < before && !isThere(messagePath(layout, id));
}

async function purge({ disk, layout, log }: Purging, batch: readonly DeletedName[]): Promise<number> {
  if (batch.length === 0) return 0;
  const messages = batch.filter(({ message }) => message);
  for (const name of messages) log.info('purged', { id: name.id, operation: name.operations.at(-1) });
  await log.flush(LOG_MS);
  for (const { id } of messages) await disk.unlink(deletedPath(layout, id));
  await disk.syncFolder(folder(layout, 'deleted'));
  for (const { id, message, companion, operations } of batch) {
    if (message && companion) await disk.unlink(deletedPath(layout, id, true));
    for (const operation of operations) await disk.unlink(deletionMarkPath(layout, id, operation));
  }
  return messages.length;
}
