/** Where the walk puts what it cannot read: the corrupt folder, with one log line each; nothing stops, nothing is deleted. */
import { writeFile } from 'node:fs/promises';
import type { Logger } from '../log/logger.ts';
import { createDisk } from '../queue/disk.ts';
import { corruptPath, type Layout } from '../queue/layout.ts';
import { setAside } from '../queue/open-store.ts';

export interface CorruptFolder {
  /** `bytes` is a damaged record of a journal, which is copied; without it `path` is a file, which is moved. */
  readonly setAside: (path: string, why: string, bytes?: Buffer) => Promise<void>;
}

export function createCorruptFolder(layout: Layout, log: Logger): CorruptFolder {
  const disk = createDisk();
  return {
    async setAside(path, why, bytes) {
      if (bytes) {
        const name = `${Date.now()}.${path}.record`;
        await writeFile(corruptPath(layout, name), bytes, { mode: 0o600 });
        log.error('corrupt', { file: path, why, kept: `corrupt/${name}` });
      } else if (path.includes('/')) {
        await setAside({ layout, disk, log }, path, why);
      } else {
        // A torn tail was never acknowledged: there is nothing to keep.
        log.warn('torn', { segment: path, why });
      }
    },
  };
}
