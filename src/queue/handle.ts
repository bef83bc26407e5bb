/**
 * Handles as text. `ID` is a message with a file of its own in the tree; `ID@SEGMENT:ORDINAL:OFFSET:LENGTH` is a record in a
 * journal segment; `ID!WORKER.N` is a large message that WORKER staged. Opaque to everyone outside src/queue.
 */
import { isQueueId } from './queue-id.ts';
import type { Handle, QueueId } from './store.ts';

/** A record in a journal: LENGTH counts its line and content. */
export interface JournalPlace {
  readonly segment: string;
  readonly ordinal: number;
  readonly offset: number;
  readonly length: number;
}

export interface ParsedHandle {
  readonly id: QueueId;
  readonly journal?: JournalPlace;
  readonly stagedBy?: string;
}

const ID_LENGTH = 19;
const JOURNAL = /^([0-9a-z]{19})@([0-9a-z]{19}\.[a-z]+(?:-[a-z0-9]+)*):(\d{1,9}):(\d{1,12}):(\d{1,12})$/;
const STAGED = /^([0-9a-z]{19})!([a-z]+(?:-[a-z0-9]+)*\.\d{1,9})$/;

export function treeHandle(id: QueueId): Handle {
  return id as string as Handle;
}

export function journalHandle(id: QueueId, place: JournalPlace): Handle {
  return `${id}@${place.segment}:${place.ordinal}:${place.offset}:${place.length}` as Handle;
}

/** `file` is the name of the temporary file behind the id and its dot. */
export function stagedHandle(id: QueueId, file: string): Handle {
  return `${id}!${file}` as Handle;
}

/** The queue id in a handle, for logs and tables. */
export function idOfHandle(handle: string): QueueId {
  return handle.slice(0, 19) as QueueId;
}

/** The message has a file of its own in the tree, so no segment will remember it when it is gone. */
export function hasOwnFile(handle: string): boolean {
  return handle.length === ID_LENGTH;
}

/** Takes a handle apart, or undefined when it is none (from a hostile frame). */
export function parseHandle(handle: string): ParsedHandle | undefined {
  if (handle.length === ID_LENGTH) return isQueueId(handle) ? { id: handle } : undefined;
  return handle[ID_LENGTH] === '@' ? parseJournal(handle) : parseStaged(handle);
}

function parseStaged(handle: string): ParsedHandle | undefined {
  const staged = STAGED.exec(handle);
  if (staged?.[1] && staged[2] && isQueueId(staged[1])) return { id: staged[1], stagedBy: staged[2] };
  return undefined;
}

function parseJournal(handle: string): ParsedHandle | undefined {
  const match = JOURNAL.exec(handle);
  if (!match?.[1] || !match[2] || !isQueueId(match[1])) return undefined;
  const [ordinal, offset, length] = [Number(match[3]), Number(match[4]), Number(match[5])];
  return { id: match[1], journal: { segment: match[2], ordinal, offset, length } };
}
