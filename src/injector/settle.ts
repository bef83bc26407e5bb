/**
 * Settles old journals, as the scheduler's plan says: messages that wait in a segment past its time get a file in the tree, and
 * outcomes of messages in the tree go into their state files. Then the segments can be removed.
 */
import { slices } from '../base/slices.ts';
import { errorText } from '../base/text.ts';
import type { Peer } from '../ipc/peer.ts';
import type { Logger } from '../log/logger.ts';
import type { Outcome } from '../mail/outcome.ts';
import { createDisk, isUnreadable, type Disk } from '../queue/disk.ts';
import { idOfHandle, journalHandle } from '../queue/handle.ts';
import { readSegment, type SegmentFiles } from '../queue/known-outcomes.ts';
import { bucketFolder, type Layout } from '../queue/layout.ts';
import { appendWhereItIs } from '../queue/own-file.ts';
import { outcomeLines } from '../queue/record.ts';
import type { Handle, QueueId, Store } from '../queue/store.ts';

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
/** Messages after which the scheduler is told: it must remember what ends meanwhile. */
const TOLD_AT_ONCE = 1000;
const MAX_CONTENT = 64 * 1024 * 1024;
/** Rounds of one run: what is left then is taken up by the next. */
const ROUNDS = 1000;

/**
 * Ends with an empty plan, by which the scheduler knows that this run went through all that it was given. What cannot be read stays as
 * it is; its time comes once more, in a later run.
 */
export async function settleAll(settling: Settling): Promise<void> {
  let idle = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const plan = await settling.scheduler.request({ t: 'plan?' }, ANSWER_MS);
    if (plan.t !== 'plan' || (plan.segments.length === 0 && plan.outcomes.length === 0)) return;
    let told = 0;
    for (const { segment, ordinals } of plan.segments) {
      told += await settleSegment(settling, segment, new Set(ordinals));
    }
    for (const name of plan.outcomes) told += await foldReadable(settling, name);
    // Its time came again while it was tried: a disk that fails slowly.
    idle = told === 0 ? idle + 1 : 0;
    if (idle > 1) return;
  }
}

/** 1 when it was folded. */
async function foldReadable(settling: Settling, name: string): Promise<number> {
  try {
    await foldOutcomes(settling, name);
    return 1;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    settling.log.error('unreadable', { file: name, why: errorText(error) });
    return 0;
  }
}

async function settleSegment(settling: Settling, name: string, wanted: ReadonlySet<number>): Promise<number> {
  const { scheduler, layout, log } = settling;
  let whole = true;
  const onUnreadable = (file: string, why: string): void => {
    whole = false;
    log.error('unreadable', { file, why });
  };
  const files = { disk: createDisk(), layout, onUnreadable };
  const { found, unread } = await findRecords(files, name, wanted);
  if (whole && unread.length > 0) await settling.keep(name, `${unread.length} records could not be read`);
  const records = [...wanted].map((ordinal) => ({ ordinal, handle: found.get(ordinal) }));
  let [told, moved, gone] = [0, 0, 0];
  for (const all of slices(records, TOLD_AT_ONCE)) {
    const failed = await moveAll(
      settling,
      all.flatMap(({ handle }) => handle ?? []),
    );
    const some = all.filter(({ handle }) => (handle === undefined ? whole : !failed.has(handle)));
    const ordinals = some.map(({ ordinal }) => ordinal);
    const ids = some.map(({ handle }) => (handle === undefined ? '' : idOfHandle(handle)));
    const answer = await scheduler.request({ t: 'moved', segment: name, ordinals, ids }, ANSWER_MS);
    told += some.length;
    moved += ids.filter((id) => id !== '').length;
    gone += answer.t === 'gone' ? answer.ordinals.length : 0;
  }
  log.info('settled', { segment: name, moved: moved - gone });
  return told;
}

/**
 * Answers those that the medium does not give back. A scheduler that is gone has no use for more files: who comes after it looks
 * through the tree anew.
 */
async function moveAll({ store, scheduler, log }: Settling, handles: readonly Handle[]): Promise<ReadonlySet<Handle>> {
  const unreadable = new Set<Handle>();
  for (const some of slices(handles, AT_ONCE)) {
    if (scheduler.closed) throw new Error('the scheduler is gone');
    const results = await Promise.allSettled(some.map((handle) => store.moveToTree(handle)));
    results.forEach((result, i) => {
      if (result.status === 'fulfilled') return;
      if (!isUnreadable(result.reason)) throw result.reason;
      const handle = some[i] as Handle;
      unreadable.add(handle);
      log.error('unreadable', { file: handle, why: errorText(result.reason) });
    });
  }
  return unreadable;
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
  for (const [id, outcomes] of batch) {
    if (await appendWhereItIs({ disk, layout }, id, outcomeLines(id, outcomes))) continue;
    folders.add(bucketFolder(layout, id));
  }
}

async function syncIfThere(disk: Disk, folder: string): Promise<void> {
  try {
    await disk.syncFolder(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
