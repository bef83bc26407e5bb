/**
 * What is in the deleted queue, by names alone: `ID` a message, `ID.state` its outcomes, `ID.OPERATION` an empty file that says which
 * deletion took it. Ids of operations are queue ids, so the name also says when. Oldest message first; in passes, as over the tree, so
 * that memory does not grow with it.
 */
import { lstatSync } from 'node:fs';
import { deletedPath, folder, type Layout } from './layout.ts';
import { isQueueId, timeOfId } from './queue-id.ts';
import type { QueueId } from './store.ts';
import { namesIn, Smallest } from './tree-ids.ts';

export interface DeletedName {
  readonly id: QueueId;
  /** There is a message of that id; without, a crash left what follows. */
  readonly message: boolean;
  readonly companion: boolean;
  /** Deletions that marked it, oldest first: the last one counts. */
  readonly operations: readonly QueueId[];
}

/** Names that one pass gathers. */
const BATCH = 150_000;
const ID_LENGTH = 19;

export async function* deletedNames(layout: Layout, batch = BATCH): AsyncGenerator<DeletedName> {
  const smallest = new Smallest<string>(batch);
  let group: Group | undefined;
  for (let above = ''; ;) {
    for (const name of namesIn(folder(layout, 'deleted'))) {
      if (name > above && isQueueId(name.slice(0, ID_LENGTH))) smallest.add(name);
    }
    const { ids: names, all } = smallest.take();
    for (const name of names) {
      const id = name.slice(0, ID_LENGTH) as QueueId;
      if (group && group.id !== id) yield group;
      group = group?.id === id ? group : newGroup(id);
      note(group, name.slice(ID_LENGTH));
    }
    if (all) break;
    above = names.at(-1) ?? above;
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (group) yield group;
}

interface Group extends DeletedName {
  message: boolean;
  companion: boolean;
  readonly operations: QueueId[];
}

function newGroup(id: QueueId): Group {
  return { id, message: false, companion: false, operations: [] };
}

/** What follows the id in a name. Anything else is somebody's own file. */
function note(group: Group, rest: string): void {
  if (rest === '') group.message = true;
  else if (rest === '.state') group.companion = true;
  else if (rest.startsWith('.') && isQueueId(rest.slice(1))) group.operations.push(rest.slice(1) as QueueId);
}

/** The marks that these messages have at this moment, oldest first, by one look at all names. */
export function marksOf(layout: Layout, ids: ReadonlySet<QueueId>): ReadonlyMap<QueueId, readonly QueueId[]> {
  const groups = new Map<QueueId, Group>();
  for (const name of namesIn(folder(layout, 'deleted'))) {
    const id = name.slice(0, ID_LENGTH) as QueueId;
    if (!ids.has(id)) continue;
    const group = groups.get(id) ?? newGroup(id);
    groups.set(id, group);
    note(group, name.slice(ID_LENGTH));
  }
  return new Map([...groups].map(([id, { operations }]) => [id, [...new Set(operations)].sort()]));
}

/** Which deletion took a message, and when it began. One without a mark is told by the time of its name. */
export function deletionOf(
  layout: Layout,
  { id, operations }: Pick<DeletedName, 'id' | 'operations'>,
): { readonly operation?: QueueId; readonly at: number } {
  const operation = operations.at(-1);
  if (operation !== undefined) return { operation, at: timeOfId(operation) };
  return { at: namedAt(layout, id) };
}

/** When the message got its name there, ms since 1970; or when it was copied there, with a backup. Infinity when it is gone. */
export function namedAt(layout: Layout, id: QueueId): number {
  return lstatSync(deletedPath(layout, id), { throwIfNoEntry: false })?.ctimeMs ?? Infinity;
}
