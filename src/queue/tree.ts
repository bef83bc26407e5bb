/**
 * The hashed tree: one file per message that stays, and beside it a companion with outcomes. A name appears by link(2), which
 * never replaces a file, and counts once its folder is synced.
 */
import fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { errorCode } from '../base/text.ts';
import { exists, isThere, type Disk } from './disk.ts';
import { bucketFolder, deletedPath, folder, messagePath, statePath, type Layout } from './layout.ts';
import type { QueueId } from './store.ts';

export interface TreeOptions {
  readonly disk: Disk;
  readonly layout: Layout;
}

const NEWLINE = 0x0a;

/** A message of that id has a file already. */
export class AlreadyInTree extends Error {
  override readonly name = 'AlreadyInTree';
}

/**
 * Gives the synced file at `from` its name in the tree, durably, and removes the old name. Rejects with AlreadyInTree. With
 * `unless`, the name goes again at once where there is a file of that name: somebody else was quicker.
 */
export async function placeInTree(options: TreeOptions, id: QueueId, from: string, unless?: string): Promise<void> {
  const { disk, layout } = options;
  const to = messagePath(layout, id);
  try {
    await withFolder(options, id, async () => {
      await disk.link(from, to);
      if (unless !== undefined && isThere(unless)) await disk.unlink(to);
    });
  } catch (error) {
    if (errorCode(error) === 'EEXIST') throw new AlreadyInTree(`${id} is in the tree already`, { cause: error });
    throw error;
  }
  await disk.syncFolder(bucketFolder(layout, id));
  await disk.unlink(from);
}

/** Appends lines to the companion of a message, durably; of one in the tree unless `where` says otherwise. */
export async function appendState(
  options: TreeOptions & { readonly where?: 'tree' | 'deleted' },
  id: QueueId,
  lines: readonly Buffer[],
): Promise<void> {
  const { disk, layout, where = 'tree' } = options;
  const path = where === 'tree' ? statePath(layout, id) : deletedPath(layout, id, true);
  await appendLines(disk, await withFolder(options, id, () => disk.append(path)), lines);
  await disk.syncFolder(where === 'tree' ? bucketFolder(layout, id) : folder(layout, 'deleted'));
}

/** Appends lines to an open companion, durably but for its name, and closes it. */
export async function appendLines(disk: Disk, file: FileHandle, lines: readonly Buffer[]): Promise<void> {
  try {
    const { size } = await file.stat();
    // A line that a crash or a full disk tore must not swallow the next one.
    const torn = size > 0 && (await file.read(Buffer.alloc(1), 0, 1, size - 1)).buffer[0] !== NEWLINE;
    await disk.writeAt(file, torn ? [Buffer.from('\n'), ...lines] : lines, size);
    await disk.datasync(file);
  } finally {
    await file.close();
  }
}

/**
 * Removes message and companion, in this order also on the disk: a crash that brings the message back must not have taken its
 * outcomes. The last removal is not synced: the outcomes that made it finished outlive it (rule 4 of README.md).
 */
export async function removeFromTree(options: TreeOptions, id: QueueId): Promise<void> {
  const { disk, layout } = options;
  // A crash in a deletion may have left it there too.
  await disk.unlink(deletedPath(layout, id));
  await disk.unlink(messagePath(layout, id));
  if (!(await exists(statePath(layout, id)))) return;
  await disk.syncFolder(bucketFolder(layout, id));
  await disk.unlink(statePath(layout, id));
}

/** Buckets whose own names are durable, as far as this process knows. */
const durableBuckets = new Set<string>();

/**
 * Does something in the bucket's folder; makes the folder first where it is missing. Its name is durable afterwards: whoever made
 * the folder may be just about to sync it, or dead.
 */
export async function withFolder<T>(options: TreeOptions, id: QueueId, work: () => Promise<T>): Promise<T> {
  const { disk, layout } = options;
  const bucket = bucketFolder(layout, id);
  const result = await work().catch(async (error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error;
    durableBuckets.delete(bucket);
    await fs.mkdir(bucket, { recursive: true, mode: 0o700 });
    return work();
  });
  if (!durableBuckets.has(bucket)) {
    await disk.syncFolder(folder(layout, 'mess'));
    durableBuckets.add(bucket);
  }
  return result;
}
