/** Reads segments of the journals: their names, their records, and the outcomes of some of them by message. */
import fs from 'node:fs/promises';
import type { Outcome } from '../mail/outcome.ts';
import { errorCode, errorText } from '../base/text.ts';
import { isForeign, isUnreadable, type Disk } from './disk.ts';
import { folder, parseSegmentName, segmentPath, type Layout } from './layout.ts';
import type { RecordLine } from './record.ts';
import { scanSegment, type Scanned } from './scan-segment.ts';

export interface SegmentFiles {
  readonly disk: Disk;
  readonly layout: Layout;
  readonly onTrouble?: (file: string, why: string) => void | Promise<void>;
  /** Told of a file of which the medium does not give back all, and the rest counts; without this it is an error. */
  readonly onUnreadable?: ((file: string, why: string) => void) | undefined;
}

/** Names of the segments of a journal, oldest first. */
export async function listSegments(layout: Layout, kind: 'journal' | 'outcome'): Promise<string[]> {
  try {
    const names = await fs.readdir(folder(layout, kind));
    return names.filter((name) => parseSegmentName(name) !== undefined).sort();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Every record of one segment. A segment that was removed meanwhile has none. */
export async function* readSegment(
  files: SegmentFiles,
  kind: 'journal' | 'outcome',
  segment: {
    readonly name: string;
    readonly maxContent: number;
    readonly parse?: ((line: Buffer) => RecordLine | undefined) | undefined;
    /** Where to begin: 0, or where a record does. */
    readonly from?: number | undefined;
  },
): AsyncGenerator<Scanned> {
  const path = segmentPath(files.layout, kind, segment.name);
  let file;
  try {
    file = await files.disk.open(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    if (isForeign(error)) await files.onTrouble?.(path, errorText(error));
    else tellUnreadable(files, path, error);
    return;
  }
  try {
    yield* scanSegment(file, segment.maxContent, segment.parse, segment.from);
  } catch (error) {
    tellUnreadable(files, path, error);
  } finally {
    await file.close();
  }
}

/** Throws what is something else, or what nobody wants to be told. */
export function tellUnreadable(files: SegmentFiles, path: string, error: unknown): void {
  if (!isUnreadable(error) || !files.onUnreadable) throw error;
  files.onUnreadable(path, errorText(error));
}

/** Outcomes in these outcome segments by queue id, in the order in which each holds them; of all messages unless some are named. */
export async function readKnownOutcomes(
  files: SegmentFiles,
  segments: readonly string[],
  wanted?: ReadonlySet<string>,
): Promise<Map<string, readonly Outcome[]>> {
  const known = new Map<string, Outcome[]>();
  for (const name of segments) {
    for await (const scanned of readSegment(files, 'outcome', { name, maxContent: 0 })) {
      if (scanned.kind === 'damaged') await files.onTrouble?.(name, 'damaged outcome passed over');
      if (scanned.kind !== 'record' || scanned.record.kind !== 'outcomes') continue;
      const { id, outcomes } = scanned.record;
      if (wanted && !wanted.has(id)) continue;
      const list = known.get(id);
      if (list) list.push(...outcomes);
      else known.set(id, [...outcomes]);
    }
  }
  return known;
}

/** The writer of this segment closed it: no record will follow. `maxContent`: of a record, 0 for outcomes. */
export async function isSealed(
  files: SegmentFiles,
  name: string,
  kind: 'journal' | 'outcome' = 'outcome',
  maxContent = 0,
): Promise<boolean> {
  for await (const scanned of readSegment(files, kind, { name, maxContent })) {
    if (scanned.kind === 'record' && scanned.record.kind === 'end') return true;
  }
  return false;
}
