/**
 * What a worker that is gone left on disk of messages that it had in hand: its outcomes, and the reports that it wrote. A report
 * is also the outcome of what it reports, should its maker have died before it recorded that.
 */
import type { Outcome } from '../mail/outcome.ts';
import { listSegments, readKnownOutcomes, readSegment, type SegmentFiles } from '../queue/known-outcomes.ts';
import { parseSegmentName } from '../queue/layout.ts';
import { settledBy } from '../queue/settled.ts';

/** More than any content in a journal. */
const MAX_CONTENT = 64 * 1024 * 1024;

/** By queue id, of these messages only. `name` is the name or the instance name of the worker. */
export async function recordedBy(
  files: SegmentFiles,
  name: string,
  ids: ReadonlySet<string>,
): Promise<ReadonlyMap<string, readonly Outcome[]>> {
  const { layout } = files;
  const isIts = (segment: string): boolean => {
    const writer = parseSegmentName(segment)?.worker;
    return writer === name || writer?.startsWith(`${name}-`) === true;
  };
  const known = await readKnownOutcomes(files, (await listSegments(layout, 'outcome')).filter(isIts), ids);
  // Acceptors have no lanes: of those that have, only the bounce channel writes messages.
  for (const segment of (await listSegments(layout, 'journal')).filter(isIts)) {
    for await (const scanned of readSegment(files, 'journal', { name: segment, maxContent: MAX_CONTENT })) {
      if (scanned.kind !== 'record' || scanned.record.kind !== 'message' || scanned.record.staged) continue;
      const settled = settledBy(scanned.record.envelope);
      if (!settled || !ids.has(settled.id)) continue;
      known.set(settled.id, [...(known.get(settled.id) ?? []), settled.outcome]);
    }
  }
  return known;
}
