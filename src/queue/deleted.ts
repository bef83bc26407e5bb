/**
 * The way into the deleted queue and back. Names appear in the new folder, durably, before they leave the old one: a rename from
 * one folder to another is two changes on the disk, and a crash that keeps only the second leaves no name at all. A message that
 * a crash left in both is in the tree: there it has its outcomes.
 *
 * The settler folds outcomes into companions at any moment, and owns no message: it writes where the message is, and looks once more
 * whether it still is there (own-file.ts). So a companion is brought along once more when the message is gone from its old place.
 */
import { pause } from '../base/deadline.ts';
import { errorCode } from '../base/text.ts';
import { exists, isSameFile, type Disk } from './disk.ts';
import { bucketFolder, deletedPath, deletionMarkPath, folder, messagePath, statePath, type Layout } from './layout.ts';
import type { QueueId } from './store.ts';
import { AlreadyInTree, appendLines, withFolder, type TreeOptions } from './tree.ts';

/** The settler needs a moment only. */
const TRIES = 100;
const RETRY_MS = 20;

/** Moves message and companion into the deleted queue, durably, and marks them with the operation that this is part of. */
export async function moveToDeleted(options: TreeOptions, id: QueueId, operation?: QueueId): Promise<void> {
  const { disk, layout } = options;
  await nameAlso(disk, messagePath(layout, id), deletedPath(layout, id));
  await nameCompanion(disk, statePath(layout, id), deletedPath(layout, id, true));
  if (operation !== undefined) await makeMark(disk, deletionMarkPath(layout, id, operation));
  await disk.syncFolder(folder(layout, 'deleted'));
  await disk.unlink(messagePath(layout, id));
  // The message first, also on the disk: it must not be in the tree without the outcomes it had.
  await disk.syncFolder(bucketFolder(layout, id));
  // From here on nobody writes to it.
  if (await joinCompanion(disk, statePath(layout, id), deletedPath(layout, id, true)))
    await disk.syncFolder(folder(layout, 'deleted'));
  await disk.unlink(statePath(layout, id));
}

/** The way back from the deleted queue. A mark that a crash leaves behind is older than that of the next deletion, and counts no more. */
export async function restoreFromDeleted(options: TreeOptions, id: QueueId, operation?: QueueId): Promise<void> {
  const { disk, layout } = options;
  const companion = await withFolder(options, id, () =>
    nameCompanion(disk, deletedPath(layout, id, true), statePath(layout, id)),
  );
  if (companion) await disk.syncFolder(bucketFolder(layout, id));
  await withFolder(options, id, () => nameInTree(disk, layout, id));
  await disk.syncFolder(bucketFolder(layout, id));
  await disk.unlink(deletedPath(layout, id));
  if (operation !== undefined) await disk.unlink(deletionMarkPath(layout, id, operation));
  await disk.syncFolder(folder(layout, 'deleted'));
  if (await joinCompanion(disk, deletedPath(layout, id, true), statePath(layout, id)))
    await disk.syncFolder(bucketFolder(layout, id));
  await disk.unlink(deletedPath(layout, id, true));
}

/** A companion that a crash parted from its deleted message goes to it. False when there is no such message. */
export async function followDeleted(disk: Disk, layout: Layout, id: QueueId): Promise<boolean> {
  if (!(await exists(deletedPath(layout, id)))) return false;
  const [here, there] = [statePath(layout, id), deletedPath(layout, id, true)];
  // A restoration names it here before its message, perhaps at this moment. Left by a crash it does no harm.
  if (await isSameFile(here, there)) return true;
  if (await joinCompanion(disk, here, there)) await disk.syncFolder(folder(layout, 'deleted'));
  await disk.unlink(here);
  return true;
}

/**
 * Another file of that name is the settler's, which was about to place the message: it sees the deleted one and takes its own away
 * again. Whoever took that for the restored one would remove the last that is left.
 */
async function nameInTree(disk: Disk, layout: Layout, id: QueueId): Promise<void> {
  const [from, to] = [deletedPath(layout, id), messagePath(layout, id)];
  for (let tries = 1; ; tries += 1) {
    const ours = await nameAlso(disk, from, to);
    // A purge, or another who restores it, may have taken the old name by now: it has the new one.
    if ((await isSameFile(from, to)) || (ours && !(await exists(from)))) return;
    if (tries === TRIES) throw new AlreadyInTree(`${id} is in the tree already, with a file of its own`);
    await pause(RETRY_MS);
  }
}

/** True when the name is new. One that is there already came by an earlier try that did not end. */
async function nameAlso(disk: Disk, from: string, to: string): Promise<boolean> {
  try {
    await disk.link(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    return false;
  }
}

async function makeMark(disk: Disk, path: string): Promise<void> {
  try {
    await (await disk.create(path)).close();
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

/** False when there is no companion. One that is there already may be older: it is replaced. */
async function nameCompanion(disk: Disk, from: string, to: string): Promise<boolean> {
  if (!(await exists(from))) return false;
  await disk.unlink(to);
  await disk.link(from, to);
  return true;
}

/** Afterwards `to` says what `from` says, if there is one, also where each has lines of its own. True when `to` changed. */
async function joinCompanion(disk: Disk, from: string, to: string): Promise<boolean> {
  if (!(await exists(from)) || (await isSameFile(from, to))) return false;
  try {
    await disk.link(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  const file = await disk.open(from);
  try {
    const lines = await file.readFile();
    await appendLines(disk, await disk.append(to), [lines]);
  } finally {
    await file.close();
  }
  return true;
}
