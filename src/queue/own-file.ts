/**
 * Where a message has a file of its own, and its outcomes written there: an operator may move both to the deleted queue or back at
 * any moment, and what is written must go with them.
 */
import { isThere } from './disk.ts';
import { deletedPath, messagePath, type Layout } from './layout.ts';
import type { QueueId } from './store.ts';
import { appendState, type TreeOptions } from './tree.ts';

/**
 * Asked for each of very many, so without a turn of the thread pool, which costs twenty times as much. The tree is asked twice: a
 * restored message may come back to it between the two questions.
 */
export function fileOf(layout: Layout, id: QueueId): 'tree' | 'deleted' | undefined {
  if (isThere(messagePath(layout, id))) return 'tree';
  if (isThere(deletedPath(layout, id))) return 'deleted';
  return isThere(messagePath(layout, id)) ? 'tree' : undefined;
}

/**
 * Appends lines to the companion of a message wherever it is, durably; false when it has no file any more. One that was moved
 * meanwhile left its companion behind before this wrote to it, or took it along: so they are written once more where it is now. A
 * line twice says nothing new.
 */
export async function appendWhereItIs(options: TreeOptions, id: QueueId, lines: readonly Buffer[]): Promise<boolean> {
  const { layout } = options;
  let where = fileOf(layout, id);
  for (let written; where !== undefined && where !== written; where = fileOf(layout, id)) {
    await appendState({ ...options, where }, id, lines);
    written = where;
  }
  return where !== undefined;
}
