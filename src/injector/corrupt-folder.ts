/** Where the walk puts what it cannot read: the corrupt folder, with one log line each; nothing stops, nothing is deleted. */
import { link, writeFile } from 'node:fs/promises';
import { errorCode } from '../base/text.ts';
import type { Logger } from '../log/logger.ts';
import { createDisk } from '../queue/disk.ts';
import { corruptPath, folder, segmentPath, type Layout } from '../queue/layout.ts';
import { setAside } from '../queue/open-store.ts';

export interface CorruptFolder {
  /** `bytes` is a damaged record of a journal, which is copied; without it `path` is a file, which is moved. */
  readonly setAside: (path: string, why: string, bytes?: Buffer) => Promise<void>;
  /** Gives a segment of the message journal a second name in the corrupt folder. */
  readonly keepSegment: (segment: string, why: string) => Promise<void>;
}

export function createCorruptFolder(layout: Layout, log: Logger): CorruptFolder {
  const disk = createDisk();
  return {
    async setAside(path, why, bytes) {
      if (bytes) {
        const name = await keepBytes(layout, `${Date.now()}.${path}`, bytes);
        await disk.syncFolder(folder(layout, 'corrupt'));
        log.error('corrupt', { file: path, why, kept: `corrupt/${name}` });
      } else if (path.includes('/')) {
        await setAside({ layout, disk, log }, path, why);
      } else {
        // A torn tail was never acknowledged: there is nothing to keep.
        log.warn('torn', { segment: path, why });
      }
    },
    async keepSegment(segment, why) {
      const name = `${Date.now()}.${segment}.segment`;
      try {
        await link(segmentPath(layout, 'journal', segment), corruptPath(layout, name));
        await disk.syncFolder(folder(layout, 'corrupt'));
        log.error('corrupt', { file: segment, why, kept: `corrupt/${name}` });
      } catch (error) {
        // Gone meanwhile: then everything in it was finished.
        if (errorCode(error) !== 'ENOENT') throw error;
      }
    },
  };
}

/** Under a name that no other copy has: many records of one segment may be damaged, and other injectors be at work. */
async function keepBytes(layout: Layout, base: string, bytes: Buffer): Promise<string> {
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? `${base}.record` : `${base}.${count}.record`;
    try {
      await writeFile(corruptPath(layout, name), bytes, { mode: 0o600, flush: true, flag: 'wx' });
      return name;
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
  }
}
