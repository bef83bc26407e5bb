/**
 * Makes durable what processes left that were killed: a record or a name that was written and not synced is seen by whoever looks,
 * and gone after a power loss. The injector acts on what it sees (it takes a file in the tree for a reason to let a journal go), so
 * it sees nothing that could vanish again.
 */
import { errorCode, errorText } from '../base/text.ts';
import { isForeign, isUnreadable, type Disk } from './disk.ts';
import { allBuckets, folder, segmentPath, type Layout } from './layout.ts';

export interface Leftovers {
  readonly disk: Disk;
  readonly layout: Layout;
  /** Segments whose writers are gone. */
  readonly journal: readonly string[];
  readonly outcome: readonly string[];
  readonly onUnreadable: (path: string, why: string) => void;
}

/** At a time: the syncs of one disk end together. */
const AT_ONCE = 16;

export async function secureLeftovers({ disk, layout, journal, outcome, onUnreadable }: Leftovers): Promise<void> {
  const segments = [
    ...journal.map((name) => segmentPath(layout, 'journal', name)),
    ...outcome.map((name) => segmentPath(layout, 'outcome', name)),
  ];
  const folders = (['journal', 'outcome', 'deleted', 'mess'] as const).map((name) => folder(layout, name));
  const works = [
    ...segments.map((path) => ({ path, sync: () => syncFile(disk, path) })),
    ...[...folders, ...allBuckets(layout)].map((path) => ({ path, sync: () => ifThere(disk.syncFolder(path)) })),
  ];
  const run = async (): Promise<void> => {
    for (let work = works.pop(); work; work = works.pop()) {
      try {
        await work.sync();
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        onUnreadable(work.path, errorText(error));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
}

async function syncFile(disk: Disk, path: string): Promise<void> {
  let file;
  try {
    file = await disk.open(path);
  } catch (error) {
    // The walk sees to what is no file of ours.
    if (errorCode(error) === 'ENOENT' || isForeign(error)) return;
    throw error;
  }
  try {
    await disk.datasync(file);
  } finally {
    await file.close();
  }
}

async function ifThere(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') throw error;
  }
}
