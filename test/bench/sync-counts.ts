/** Syncs of the farm's processes, counted and delayed by slow-sync.ts in each of them. */
import { chmodSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** By role: `acceptor`. */
export type SyncCounts = Readonly<Record<string, number>>;

/** A folder for the counts, open to the user whom a farm of root runs its workers as. */
export function makeCountsFolder(root: string): string {
  const folder = join(root, 'syncs');
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o1777);
  return folder;
}

/** For NODE_OPTIONS. */
export function syncShim(delayMs: number, folder: string): string {
  const url = new URL('slow-sync.ts', import.meta.url);
  url.searchParams.set('delay', String(delayMs));
  url.searchParams.set('counts', folder);
  return `--import=${url.href}`;
}

/** Of all processes that ended. */
export function readSyncCounts(folder: string): SyncCounts {
  const counts: Record<string, number> = {};
  for (const file of readdirSync(folder)) {
    const { name, syncs } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { name: string; syncs: number };
    const role = name.replace(/-\d+$/, '');
    counts[role] = (counts[role] ?? 0) + syncs;
  }
  return counts;
}
