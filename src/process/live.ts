/**
 * The workers that run now, as a file that the supervisor keeps: run/live.json holds their instance names.
 *
 * The injector tells by it whose journal segments are orphans. The supervisor writes a name before it forks the worker
 * and removes it after the worker is gone. So: list the segments first, then read this file; a segment in the list
 * whose writer is not in the file has no writer any more and gets none.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Relative to var, the working directory of every worker. */
export const LIVE_FILE = 'run/live.json';

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

/** Replaces the file in one step. Not synced: it speaks of processes, which do not outlive the machine. */
export function writeLive(instances: Iterable<string>, file = LIVE_FILE): void {
  writeFileSync(`${file}.new`, JSON.stringify([...instances]), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
