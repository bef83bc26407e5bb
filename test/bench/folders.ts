/**
 * The farm's folders for a benchmark: on a disk, because a queue in memory would flatter what a queue on disk costs.
 * They are removed at the end, and when the process ends before.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Folders } from '../support/farm.ts';
import { ROOT } from '../support/run.ts';

/** Magic numbers of file systems in memory (statfs(2)): tmpfs and ramfs. */
const IN_MEMORY = new Set([0x01021994, 0x858458f6]);
const made = new Set<string>();
process.on('exit', () => {
  for (const root of made) rmSync(root, { recursive: true, force: true });
});

/** New folders below `parent`, or below the first usual place that is a disk. */
export function makeFolders(parent = chooseDisk()): Folders {
  const root = mkdtempSync(join(parent, 'mailfarm-bench-'));
  made.add(root);
  // A farm that root starts runs its workers as somebody else.
  chmodSync(root, 0o711);
  const folders = { root, var: join(root, 'var'), etc: join(root, 'etc') };
  mkdirSync(folders.var, { mode: 0o700 });
  mkdirSync(folders.etc);
  return folders;
}

export function removeFolders({ root }: Folders): void {
  made.delete(root);
  rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

/** Type of the file system that holds a path, as `ext4`. */
export function fileSystemOf(path: string): string {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, point = '-']) => `${path}/`.startsWith(point.endsWith('/') ? point : `${point}/`));
  // The longest is the nearest; of equal ones the last is on top.
  const nearest = mounts.toSorted((a, b) => (a[1] ?? '').length - (b[1] ?? '').length).at(-1);
  return nearest?.[2] ?? 'unknown';
}

function chooseDisk(): string {
  const places = [tmpdir(), '/var/tmp', join(ROOT, 'var')];
  return places.find((place) => isDisk(place)) ?? tmpdir();
}

function isDisk(path: string): boolean {
  try {
    return !IN_MEMORY.has(statfsSync(path).type);
  } catch {
    return false;
  }
}
