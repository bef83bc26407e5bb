/** Removes what a crash left lying about: temporary files that were never acknowledged, and state files without a message. */
import fs from 'node:fs/promises';
import { errorCode } from '../base/text.ts';
import { followDeleted } from './deleted.ts';
import { createDisk } from './disk.ts';
import { folder, temporaryPath, type Layout } from './layout.ts';
import { isQueueId } from './queue-id.ts';

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
  for (const bucket of await fs.readdir(mess, { withFileTypes: true })) {
    if (!bucket.isDirectory()) continue;
    const names = new Set(await fs.readdir(`${mess}/${bucket.name}`));
    for (const name of names) {
      if (!name.endsWith(STATE) || names.has(name.slice(0, -STATE.length))) continue;
      const path = `${mess}/${bucket.name}/${name}`;
      const id = name.slice(0, -STATE.length);
      if (isQueueId(id) && (await followDeleted(disk, layout, id))) continue;
      const { mtimeMs } = await fs.lstat(path);
      if (Date.now() - mtimeMs < COMMAND_MS) continue;
      await fs.unlink(path);
      removed += 1;
    }
  }
  return removed;
}

const STATE = '.state';
