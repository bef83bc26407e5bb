/** Makes the model of a recorded run, and holds its end against the disk itself: a call that was missed shows there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DiskModel } from './disk-model.ts';
import type { CallEvent } from './record.ts';

/** Calls in which processes died, at most: each doubles the tries. */
const MOST_UNENDED = 8;

/**
 * The calls of the record that fit the disk `dir` (a var after the run). Whether a call in which its process was killed had its
 * effect is told from that. Throws when nothing fits.
 */
export function fittingEvents(events: readonly CallEvent[], dir: string): readonly CallEvent[] {
  const open = events.filter((event) => event.unended === true);
  if (open.length > MOST_UNENDED) throw new Error(`${open.length} calls have no end`);
  let differences: string[] = [];
  for (let without = 0; without < 2 ** open.length; without += 1) {
    const dropped = new Set(open.filter((_, bit) => (without & (1 << bit)) !== 0));
    const tried = events.filter((event) => !dropped.has(event));
    differences = compare(tried, dir);
    if (differences.length === 0) return tried;
  }
  throw new Error(`record and disk differ: ${differences.slice(0, 10).join('; ')}`);
}

function compare(events: readonly CallEvent[], dir: string): string[] {
  let recorded;
  try {
    recorded = new DiskModel(events).finalFiles();
  } catch (error) {
    return [String(error)];
  }
  const differences: string[] = [];
  for (const top of ['queue', 'mail']) {
    for (const entry of readdirSync(join(dir, top), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name).slice(dir.length + 1);
      if (path.startsWith('queue/index.db')) continue;
      const content = recorded.get(path);
      if (!recorded.has(path)) differences.push(`${path} is not in the record`);
      else if (entry.isFile() && content?.equals(readFileSync(join(dir, path))) !== true)
        differences.push(`${path} differs`);
      recorded.delete(path);
    }
  }
  for (const path of recorded.keys()) {
    if (path !== 'queue' && path !== 'mail') differences.push(`${path} is not on the disk`);
  }
  return differences;
}
