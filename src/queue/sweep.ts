/** Removes what writers that died left in the temporary folder: never acknowledged, so never missed. */
import fs from 'node:fs/promises';
import { errorCode } from '../base/text.ts';
import { folder, temporaryPath, type Layout } from './layout.ts';

/** The longest that a command (sendmail without a farm) may take to write one message; its name is in no list of the living. */
const COMMAND_MS = 60 * 60_000;

/** `live`: instance names of the workers that run now; their files stay. */
export async function sweepTemporary(layout: Layout, live: ReadonlySet<string>): Promise<number> {
  let removed = 0;
  for (const name of await fs.readdir(folder(layout, 'tmp'))) {
    const [, writer] = name.split('.');
    if (writer !== undefined && (live.has(writer) || writer === 'replacement')) continue;
    const path = temporaryPath(layout, name);
    try {
      const { mtimeMs } = await fs.lstat(path);
      if (writer?.startsWith('sendmail') && Date.now() - mtimeMs < COMMAND_MS) continue;
      await fs.unlink(path);
      removed += 1;
    } catch (error) {
      // Finished meanwhile, or a folder somebody put there: not ours to remove.
      if (errorCode(error) === undefined) throw error;
    }
  }
  return removed;
}
