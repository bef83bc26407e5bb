/**
 * The workers that run now, as a file that the supervisor keeps: run/live.json holds their instance names.
 *
 * The injector tells by it whose journal segments are orphans. The supervisor writes a name before it forks the worker
 * and removes it after the worker is gone. So: list the segments first, then read this file; a segment in the list
 * whose writer is not in the file has no writer any more and gets none.
 */
import { readFileSync } from 'node:fs';
import { replaceFile } from './replace-file.ts';

/** Relative to var, the working directory of every worker. */
const LIVE_FILE = 'run/live.json';

/** Instance names of the running workers; empty when the supervisor never wrote any. Throws what the disk throws. */
export function readLive(file = LIVE_FILE): ReadonlySet<string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Set();
    throw error;
  }
  return new Set(JSON.parse(text) as string[]);
}

/** Called by the supervisor alone; `owner` when it is root. Throws what the disk throws. */
export function writeLive(
  instances: Iterable<string>,
  owner?: { readonly uid: number; readonly gid: number },
  file = LIVE_FILE,
): void {
  replaceFile(file, JSON.stringify([...instances]), owner);
}
