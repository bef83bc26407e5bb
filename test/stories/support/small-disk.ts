/** A small file system of its own for a farm's var. */
import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import type { Folders } from '../../support/farm.ts';

/** `options` as for a tmpfs: `size=24m`, `nr_inodes=400`. Undefined where we may not mount: the test skips and says so. */
export function mountSmall(folders: Folders, options: string): (() => void) | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `${options},mode=0700`, 'tmpfs', folders.var], { stdio: 'pipe' });
  } catch {
    // Not root, or mounting is not allowed here.
    return undefined;
  }
  // The workers' user enters var by the mode of the root folder.
  chmodSync(folders.root, 0o711);
  return () => execFileSync('umount', ['-l', folders.var]);
}
