/**
 * After `queue.split` was changed, files lie in buckets where nobody looks for them. This puts each where its id belongs: outcomes
 * first, then the message, so that a crash between leaves no message without what became of it. Runs while nobody reads the tree.
 */
import fs from 'node:fs/promises';
import { errorCode } from '../base/text.ts';
import { isForeign } from './disk.ts';
import { bucketName, folder, messagePath } from './layout.ts';
import { isQueueId } from './queue-id.ts';
import type { QueueId } from './store.ts';
import { bucketsIn, namesIn } from './tree-ids.ts';
import { AlreadyInTree, appendState, placeInTree, type TreeOptions } from './tree.ts';

const STATE = '.state';

/** Messages and companions that were moved. A message that is in its own bucket already is left where it is. */
export async function rehash(options: TreeOptions): Promise<{ readonly rehomed: number }> {
  const mess = folder(options.layout, 'mess');
  let rehomed = 0;
  for await (const bucket of bucketsIn(options.layout)) {
    const here = `${mess}/${bucket}`;
    let messages = false;
    for (const name of namesIn(here)) {
      if (!isStray(options, bucket, name)) continue;
      if (name.endsWith(STATE)) rehomed += await moveCompanion(options, `${here}/${name}`, idOf(name));
      else messages = true;
    }
    if (!messages) continue;
    for (const name of namesIn(here)) {
      const moves = isStray(options, bucket, name) && !name.endsWith(STATE);
      if (moves) rehomed += await moveMessage(options, `${here}/${name}`, idOf(name));
    }
  }
  return { rehomed };
}

function idOf(name: string): QueueId {
  return (name.endsWith(STATE) ? name.slice(0, -STATE.length) : name) as QueueId;
}

function isStray({ layout }: TreeOptions, bucket: string, name: string): boolean {
  const id = idOf(name);
  return isQueueId(id) && bucketName(layout, id) !== bucket;
}

async function moveCompanion(options: TreeOptions, path: string, id: QueueId): Promise<number> {
  let file;
  try {
    file = await options.disk.open(path);
  } catch (error) {
    // What is no file of ours is not ours to move.
    if (isForeign(error)) return 0;
    throw error;
  }
  try {
    await appendState(options, id, [await file.readFile()]);
  } finally {
    await file.close();
  }
  await options.disk.unlink(path);
  return 1;
}

async function moveMessage(options: TreeOptions, path: string, id: QueueId): Promise<number> {
  try {
    await placeInTree(options, id, path);
    return 1;
  } catch (error) {
    if (error instanceof AlreadyInTree) {
      // The same file under both names: a crash came between.
      const [there, here] = await Promise.all([fs.stat(messagePath(options.layout, id)), fs.lstat(path)]);
      if (there.ino === here.ino) await options.disk.unlink(path);
      return 0;
    }
    if (errorCode(error) === 'EPERM') return 0;
    throw error;
  }
}
