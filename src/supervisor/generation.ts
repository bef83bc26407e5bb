/**
 * A number for this start of the supervisor, in letters and digits: part of the instance name of every worker, so that
 * no two runs on one var ever use the same name for a journal segment. From the clock, and from the last one kept
 * in run/generation in case that the clock went back.
 */
import { readFileSync } from 'node:fs';
import { errorCode } from '../base/text.ts';
import type { Owner } from '../process/as-owner.ts';
import { replaceFile } from '../process/replace-file.ts';

/** Makes and stores the next generation. Call it under the lock. */
export function nextGeneration(
  file: string,
  { owner, now = Date.now() }: { readonly owner?: Owner | undefined; readonly now?: number } = {},
): string {
  const next = Math.max(now, readLast(file) + 1).toString(36);
  replaceFile(file, `${next}\n`, owner);
  return next;
}

function readLast(file: string): number {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return /^[0-9a-z]{1,9}$/.test(text) ? Number.parseInt(text, 36) : 0;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 0;
    throw error;
  }
}
