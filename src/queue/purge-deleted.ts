/**
 * Removes for good what was in the deleted queue for its time. First the line in the log, then the message, and what says what became of
 * its recipients last, each durably: a crash that brings a message back must not have taken its outcomes.
 *
 * A deletion writes no outcome: while the record of a message is still in a segment, its name in the deleted queue is all that says that
 * the record counts no more. So a message stays while there is any segment that was begun before it was deleted.
 */
import { statSync } from 'node:fs';
import type { Logger } from '../log/logger.ts';
import { deletedNames, deletionOf, marksOf, namedAt, type DeletedName } from './deleted-names.ts';
import { isThere } from './disk.ts';
import { listSegments } from './known-outcomes.ts';
import { deletedPath, deletionMarkPath, folder, messagePath, parseSegmentName } from './layout.ts';
import { timeOfId } from './queue-id.ts';
import type { QueueId } from './store.ts';
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
/** File systems take their times from a clock that may be so far behind ours, in ms. */
const COARSE_MS = 100;

/** Resolves with how many messages went. Ends early when the log takes no lines: the rest goes at the next look. */
export async function purgeDeleted(purging: Purging): Promise<number> {
  let purged = 0;
  let batch: DeletedName[] = [];
  const before = { ...purging, before: Math.min(purging.before, await oldestSegment(purging)) };
  for await (const one of deletedNames(purging.layout)) {
    if (purging.stopped()) break;
    if (!isOld(before, one)) continue;
    batch.push(one);
    if (batch.length < BATCH) continue;
    const went = await purge(purging, batch);
    if (went === undefined) return purged;
    purged += went;
    batch = [];
  }
  return purged + ((await purge(purging, batch)) ?? 0);
}

/** No segment holds a record of what was deleted before that time, in ms since 1970. */
async function oldestSegment({ layout }: Purging): Promise<number> {
  let oldest = Infinity;
  for (const name of await listSegments(layout, 'journal')) {
    const begun = parseSegmentName(name);
    if (begun) oldest = Math.min(oldest, timeOfId(begun.id) - COARSE_MS);
  }
  return oldest;
}

/**
 * By its mark and by its name, of which one may be younger: it may be just about to be deleted for the second time. What is in the tree
 * too is on its way, here or back.
 */
function isOld({ layout, before }: Pick<Purging, 'layout' | 'before'>, name: DeletedName): boolean {
  const { id, message, companion, operations } = name;
  if (message)
    return deletionOf(layout, name).at < before && namedAt(layout, id) < before && !isThere(messagePath(layout, id));
  if (operations.length > 0) return deletionOf(layout, name).at < before;
  return companion && isLostCompanion(layout, id, before);
}

/** Undefined when the log does not take the lines: nothing went. */
async function purge(purging: Purging, batch: readonly DeletedName[]): Promise<number | undefined> {
  if (batch.length === 0) return 0;
  const { disk, layout, log } = purging;
  const messages = batch.filter(({ message }) => message);
  for (const name of messages) log.info('purged', { id: name.id, operation: name.operations.at(-1) });
  if (!(await log.flush(LOG_MS))) return undefined;
  // Operators restore and delete while the log is waited for.
  const marks = marksOf(layout, new Set(batch.map(({ id }) => id)));
  const before = { ...purging, before: Math.min(purging.before, await oldestSegment(purging)) };
  let purged = 0;
  for (const name of messages) {
    if (!isOld(before, { ...name, operations: marks.get(name.id) ?? [] })) continue;
    await disk.unlink(deletedPath(layout, name.id));
    purged += 1;
  }
  await disk.syncFolder(folder(layout, 'deleted'));
  for (const { id, message } of batch) {
    if (isThere(deletedPath(layout, id))) continue;
    // What went just now leaves a companion that may be younger than it.
    if (isLostCompanion(layout, id, message ? Infinity : purging.before))
      await disk.unlink(deletedPath(layout, id, true));
    for (const operation of marks.get(id) ?? []) {
      if (timeOfId(operation) < purging.before) await disk.unlink(deletionMarkPath(layout, id, operation));
    }
  }
  return purged;
}

/** Outcomes of a message that is neither here nor in the tree, last changed before that time. */
function isLostCompanion(layout: Purging['layout'], id: QueueId, before: number): boolean {
  const changed = statSync(deletedPath(layout, id, true), { throwIfNoEntry: false })?.ctimeMs;
  return (
    changed !== undefined && changed < before && !isThere(deletedPath(layout, id)) && !isThere(messagePath(layout, id))
  );
}
