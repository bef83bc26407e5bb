/**
 * Settles old journals, as the scheduler's plan says: messages that wait in a segment past its time get a file in the tree, and
 * outcomes of messages in the tree go into their state files. Then the segments can be removed.
 */
import type { Peer } from '../ipc/peer.ts';
import type { Logger } from '../log/logger.ts';
import type { Outcome } from '../mail/outcome.ts';
import { createDisk, type Disk } from '../queue/disk.ts';
import { journalHandle } from '../queue/handle.ts';
import { readSegment, type SegmentFiles } from '../queue/known-outcomes.ts';
import { bucketFolder, type Layout } from '../queue/layout.ts';
import { outcomeLine } from '../queue/record.ts';
import type { Handle, QueueId, Store } from '../queue/store.ts';
import { appendState, removeFromTree } from '../queue/tree.ts';
import { QueueWalk } from '../queue/walk.ts';

export interface Settling {
  readonly scheduler: Peer;
  readonly store: Store;
  readonly layout: Layout;
  readonly log: Logger;
  /** Keeps a copy of a journal segment that is about to go although not all of it could be read. */
  readonly keep: (segment: string, why: string) => Promise<void>;
}

const ANSWER_MS = 60_000;
/** Messages moved at a time: they share the syncs of the folders. */
const AT_ONCE = 16;
/** Messages whose outcomes are gathered: a state file is synced once for several. */
const FOLD_AT_ONCE = 5000;
const MAX_CONTENT = 64 * 1024 * 1024;
/** Rounds of one run: what is left then is taken up by the next. */
const ROUNDS = 1000;

export async function settleAll(settling: Settling): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const plan = await settling.scheduler.request({ t: 'plan?' }, ANSWER_MS);
    if (plan.t !== 'plan' || (plan.segments.length === 0 && plan.outcomes.length === 0)) return;
    for (const { segment, ordinals } of plan.segments) await settleSegment(settling, segment, new Set(ordinals));
    for (const name of plan.outcomes) await foldOutcomes(settling, name);
  }
}

async function settleSegment(settling: Settling, name: string, wanted: ReadonlySet<number>): Promise<void> {
  const files = { disk: createDisk(), layout: settling.layout };
  const { found, unread } = await findRecords(files, name, wanted);
  if (unread.length > 0) await settling.keep(name, `${unread.length} records could not be read`);
  const handles = [...found.values()];
  for (let i = 0; i < handles.length; i += AT_ONCE) {
    await Promise.all(handles.slice(i, i + AT_ONCE).map((handle) => settling.store.moveToTree(handle)));
  }
  const answer = await settling.scheduler.request({ t: 'moved', segment: name, ordinals: [...wanted] }, ANSWER_MS);
  const gone = answer.t === 'gone' ? answer.ordinals : [];
  const ids = gone.flatMap((ordinal) => found.get(ordinal)?.slice(0, 19) ?? []) as QueueId[];
  for (const id of ids) await removeFromTree(files, id);
  // Their outcomes go with the journal that they speak of, and that is not ours.
  for (const bucket of new Set(ids.map((id) => bucketFolder(settling.layout, id))))
    await syncIfThere(files.disk, bucket);
  settling.log.info('settled', { segment: name, moved: handles.length - gone.length });
}

/** What was staged and never accepted is no message. */
async function findRecords(
  files: SegmentFiles,
  name: string,
  wanted: ReadonlySet<number>,
): Promise<{ found: ReadonlyMap<number, Handle>; unread: readonly number[] }> {
  const found = new Map<number, Handle>();
  const staged = new Map<number, Handle>();
  const unread = new Set(wanted);
  for await (const scanned of readSegment(files, 'journal', { name, maxContent: MAX_CONTENT })) {
    if (scanned.kind !== 'record') continue;
    const { ordinal, offset, length, record } = scanned;
    unread.delete(ordinal);
    const accepted = record.kind === 'accept' ? staged.get(record.ordinal) : undefined;
    if (record.kind === 'accept' && accepted) found.set(record.ordinal, accepted);
    if (record.kind !== 'message' || !wanted.has(ordinal)) continue;
    const handle = journalHandle(record.id, { segment: name, ordinal, offset, length });
    (record.staged ? staged : found).set(ordinal, handle);
  }
  return { found, unread: [...unread] };
}

/** Afterwards the segment says nothing that the tree does not say, durably. */
async function foldOutcomes(settling: Settling, name: string): Promise<void> {
  const { layout, scheduler } = settling;
  const files = { disk: createDisk(), layout };
  const folders = new Set<string>();
  let batch = new Map<QueueId, Outcome[]>();
  for await (const scanned of readSegment(files, 'outcome', { name, maxContent: 0 })) {
    if (scanned.kind !== 'record' || scanned.record.kind !== 'outcomes') continue;
    const { id, outcomes } = scanned.record;
    batch.set(id, [...(batch.get(id) ?? []), ...outcomes]);
    if (batch.size < FOLD_AT_ONCE) continue;
    await foldBatch(files, batch, folders);
    batch = new Map();
  }
  await foldBatch(files, batch, folders);
  // A removal that is not durable would bring a finished message back without its outcome.
  for (const folder of folders) await syncIfThere(files.disk, folder);
  await scheduler.request({ t: 'folded', outcomes: [name] }, ANSWER_MS);
}

/** Notes in `folders` from where messages are gone. */
async function foldBatch(
  { disk, layout }: SegmentFiles,
  batch: ReadonlyMap<QueueId, readonly Outcome[]>,
  folders: Set<string>,
): Promise<void> {
  const walk = new QueueWalk({ dir: layout.root, split: layout.split });
  for (const [id, outcomes] of batch) {
    const where = walk.fileOf(id);
    if (where === undefined) folders.add(bucketFolder(layout, id));
    else await appendState({ disk, layout, where }, id, [outcomeLine(id, outcomes)]);
  }
}

async function syncIfThere(disk: Disk, folder: string): Promise<void> {
  try {
    await disk.syncFolder(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
