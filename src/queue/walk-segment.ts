/**
 * One segment of the message journal with what is left to do in it. It is read more than once: for the accounts, which are bits,
 * numbers and ids, and for its messages, one at a time. So memory does not depend on what they hold.
 */
import { BitSet } from '../base/bit-set.ts';
import type { Outcome } from '../mail/outcome.ts';
import { journalHandle } from './handle.ts';
import { readSegment, tellUnreadable, type SegmentFiles } from './known-outcomes.ts';
import { isUnfinished, makeMessage, type QueuedMessage } from './queued-message.ts';
import type { MessageRecord, RecordLine } from './record.ts';
import type { QueueId } from './store.ts';

export interface WalkedSegment {
  readonly segment: string;
  readonly total: number;
  /** Its writer closed it: no record will follow. */
  readonly sealed: boolean;
  /** It was not, or not all of it, given back by the disk: nobody knows what else there is. */
  readonly unreadable: boolean;
  /** Bytes at its end that are no record. */
  readonly left: number;
  /** Ordinals of messages that are finished, and their ids. */
  readonly finished: readonly number[];
  readonly finishedIds: readonly QueueId[];
  /** Ordinals of unfinished messages that have a file of their own by now, and their ids. */
  readonly moved: readonly number[];
  readonly movedIds: readonly QueueId[];
  /** Ordinals that hold nothing to deliver as things stand: accept records, messages not accepted, damaged records. */
  readonly empty: readonly number[];
  /** The unfinished messages as they stand when their turn comes, those that have a file of their own too. */
  messages(): AsyncGenerator<QueuedMessage>;
}

export interface SegmentWalk {
  readonly files: SegmentFiles;
  readonly outcomesOf: (id: QueueId) => readonly Outcome[];
  readonly hasFile: (id: QueueId) => boolean;
  /** Called for what cannot be read. */
  readonly onCorrupt: (why: string, bytes: Buffer | undefined) => void | Promise<void>;
}

interface Numbered {
  readonly ordinal: number;
  readonly record: RecordLine;
  readonly offset: number;
  readonly length: number;
}

/** Largest content in a journal: more than any `queue.inline` that the configuration allows. */
export const MAX_INLINE = 64 * 1024 * 1024;

export async function walkSegment(given: SegmentWalk, name: string): Promise<WalkedSegment> {
  const accounts = { ...newCounts(), staged: new BitSet(), found: new BitSet(), done: new BitSet() };
  const walk = noteUnreadable(given, accounts);
  const moved = new BitSet();
  const ids = new Map<number, QueueId>();
  for await (const numbered of readNumbered(walk, name, accounts)) {
    const { record, ordinal } = numbered;
    if (record.kind === 'accept' && accounts.staged.has(record.ordinal)) accounts.found.add(record.ordinal);
    if (record.kind !== 'message') continue;
    (record.staged ? accounts.staged : accounts.found).add(ordinal);
    const message = messageOf(walk, name, { ...numbered, record });
    if (!message) continue;
    if (!isUnfinished(message)) accounts.done.add(ordinal);
    else if (walk.hasFile(record.id)) moved.add(ordinal);
    else continue;
    ids.set(ordinal, record.id);
  }
  const { total, sealed, unreadable, left, found, done } = accounts;
  const list = (wanted: (ordinal: number) => boolean): number[] =>
    Array.from({ length: total }, (_, ordinal) => ordinal).filter(wanted);
  const idsOf = (ordinals: readonly number[]): QueueId[] => ordinals.flatMap((ordinal) => ids.get(ordinal) ?? []);
  const finished = list((ordinal) => found.has(ordinal) && done.has(ordinal));
  const elsewhere = list((ordinal) => found.has(ordinal) && moved.has(ordinal));
  return {
    segment: name,
    total,
    sealed,
    unreadable,
    left,
    finished,
    finishedIds: idsOf(finished),
    moved: elsewhere,
    movedIds: idsOf(elsewhere),
    empty: list((ordinal) => !found.has(ordinal)),
    messages: () => readMessages(walk, name, (ordinal) => found.has(ordinal) && !done.has(ordinal)),
  };
}

interface Counts {
  total: number;
  sealed: boolean;
  unreadable: boolean;
  left: number;
}

function newCounts(): Counts {
  return { total: 0, sealed: false, unreadable: false, left: 0 };
}

function noteUnreadable(walk: SegmentWalk, counts: Counts): SegmentWalk {
  const { onTrouble, onUnreadable } = walk.files;
  const files: SegmentFiles = {
    ...walk.files,
    onTrouble: (file, why) => {
      counts.unreadable = true;
      return onTrouble?.(file, why);
    },
    onUnreadable: onUnreadable && ((file, why) => ((counts.unreadable = true), onUnreadable(file, why))),
  };
  return { ...walk, files };
}

/** A segment that went meanwhile has none left. */
async function* readMessages(
  walk: SegmentWalk,
  name: string,
  wanted: (ordinal: number) => boolean,
): AsyncGenerator<QueuedMessage> {
  const again: SegmentWalk = {
    ...walk,
    files: {
      ...walk.files,
      onTrouble: () => undefined,
      onUnreadable: walk.files.onUnreadable && ((): void => undefined),
    },
    onCorrupt: () => undefined,
  };
  for await (const numbered of readNumbered(again, name, newCounts())) {
    const { record, ordinal } = numbered;
    if (record.kind !== 'message' || !wanted(ordinal)) continue;
    const message = messageOf(again, name, { ...numbered, record });
    if (message && isUnfinished(message)) yield message;
  }
}

/** Records with their ordinals; damaged ones count too. Notes in `counts` what it came upon. */
async function* readNumbered(walk: SegmentWalk, name: string, counts: Counts): AsyncGenerator<Numbered> {
  for await (const scanned of readSegment(walk.files, 'journal', { name, maxContent: MAX_INLINE })) {
    if (scanned.kind === 'end') {
      counts.left = scanned.left;
      const what = scanned.rest ? 'damage before records' : 'torn tail';
      if (scanned.left > 0) await walk.onCorrupt(`${what}: ${scanned.left} bytes`, scanned.rest);
      return;
    }
    if (scanned.kind === 'record' && scanned.record.kind === 'end') {
      counts.sealed = true;
      continue;
    }
    const ordinal = counts.total;
    counts.total += 1;
    if (scanned.kind === 'damaged') await walk.onCorrupt(`damaged record at ${scanned.offset}`, scanned.raw);
    else yield { ordinal, record: scanned.record, offset: scanned.offset, length: scanned.length };
  }
}

/** Undefined when its outcomes cannot be read. */
function messageOf(
  walk: SegmentWalk,
  segment: string,
  at: Numbered & { readonly record: MessageRecord },
): QueuedMessage | undefined {
  const { record, ordinal, offset, length } = at;
  const handle = journalHandle(record.id, { segment, ordinal, offset, length });
  try {
    return makeMessage(record, { handle, where: 'journal', outcomes: walk.outcomesOf(record.id) });
  } catch (error) {
    tellUnreadable(walk.files, segment, error);
    return undefined;
  }
}
