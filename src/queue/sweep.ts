/** Removes what a crash left lying about: temporary files that were never acknowledged, and state files without a message. */
import fs from 'node:fs/promises';
import { errorCode } from '../base/text.ts';
import { followDeleted } from './deleted.ts';
import { createDisk, isThere } from './disk.ts';
import { folder, temporaryPath, type Layout } from './layout.ts';
import { isQueueId } from './queue-id.ts';
import { bucketsIn, namesIn } from './tree-ids.ts';

/** The longest that a command (sendmail without a farm) may take to write one message; its name is in no list of the living. */
const COMMAND_MS = 60 * 60_000;

/** What this writer began at that time (ms since 1970) may be a command's that is still at it. */
export function mayBeCommand(writer: string, begun: number): boolean {
  return writer.startsWith('sendmail') && Date.now() - begun < COMMAND_MS;
}

/**
 * `running` tells the instance names of the workers that run now; their files stay. It is asked after the folder was read, so
 * that a worker which began meanwhile loses nothing.
 */
export async function sweepTemporary(layout: Layout, running: () => ReadonlySet<string>): Promise<number> {
  let removed = 0;
  const names = await fs.readdir(folder(layout, 'tmp'));
  const live = running();
  for (const name of names) {
    const [, writer] = name.split('.');
    if (writer !== undefined && live.has(writer)) continue;
    const path = temporaryPath(layout, name);
    try {
      const { mtimeMs } = await fs.lstat(path);
      // The name of a replacement does not say whose it is; both are gone long after this.
      if (writer === 'replacement' && Date.now() - mtimeMs < COMMAND_MS) continue;
      if (writer !== undefined && mayBeCommand(writer, mtimeMs)) continue;
      await fs.unlink(path);
      removed += 1;
    } catch (error) {
      // Finished meanwhile, or a folder somebody put there: not ours to remove.
      if (errorCode(error) === undefined) throw error;
    }
  }
  return removed;
}

/** A companion may come a moment before its message (quarantine), or stay behind when a crash parted a removal. */
export async function sweepCompanions(layout: Layout): Promise<number> {
  const mess = folder(layout, 'mess');
  const disk = createDisk();
  let removed = 0;
  for await (const bucket of bucketsIn(layout)) {
    for (const name of namesIn(`${mess}/${bucket}`)) {
      if (!name.endsWith(STATE)) continue;
      const path = `${mess}/${bucket}/${name}`;
      if (isThere(path.slice(0, -STATE.length))) continue;
      const id = name.slice(0, -STATE.length);
      if (isQueueId(id) && (await followDeleted(disk, layout, id))) continue;
      removed += await removeOld(path);
    }
  }
  return removed;
}

async function removeOld(path: string): Promise<number> {
  try {
    const { mtimeMs } = await fs.lstat(path);
    if (Date.now() - mtimeMs < COMMAND_MS) return 0;
    await fs.unlink(path);
    return 1;
  } catch (error) {
    // The scheduler removed it behind its message.
    if (errorCode(error) === 'ENOENT') return 0;
    throw error;
  }
}

const STATE = '.state';
