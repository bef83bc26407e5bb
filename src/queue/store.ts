/**
 * What a stage may ask of the queue. Only this folder knows how mail is stored; handles are opaque strings.
 */
import type { Readable } from 'node:stream';
import type { Envelope } from '../mail/envelope.ts';
import type { Outcome } from '../mail/outcome.ts';

/** A message's name: 19 characters of Crockford's base 32 in lower case, sorted by time, unique over hosts and restarts. */
export type QueueId = string & { readonly brand: 'QueueId' };

/** Where a message is found: opaque outside src/queue. idOfHandle() gives the queue id in it. */
export type Handle = string & { readonly brand: 'Handle' };

export interface StoredMessage {
  readonly id: QueueId;
  readonly envelope: Envelope;
  /** Bytes of content: our trace headers and the message, CRLF line ends, no dot-stuffing. */
  readonly size: number;
  /** The whole content when it is small (kept in memory), else absent: use stream(). */
  readonly bytes?: Buffer;
  /** The content in chunks; may be called more than once. */
  stream(): Readable;
}

export type ReadResult =
  | { readonly kind: 'found'; readonly message: StoredMessage }
  /** Finished and removed, or never committed. */
  | { readonly kind: 'missing' }
  /** Set aside in the corrupt folder. */
  | { readonly kind: 'corrupt'; readonly why: string };

/** A message on its way into the queue. Small content stays in memory; large content streams into a file. */
export interface Draft {
  readonly id: QueueId;
  /** Bytes written so far. */
  readonly size: number;
  /** Takes a chunk (not copied: do not reuse the buffer). A promise means: wait before the next (back-pressure). */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /**
   * Makes the message readable through a handle without accepting it: a crash now forgets it.
   * For filters. Follow with commit() or discard().
   */
  stage(envelope: Envelope): Promise<Handle>;
  /**
   * Resolves when content and name are on disk: the 250 may be sent. Rejects with StorageFull (answer 452 4.3.1)
   * or another error (answer 451 4.3.0); nothing is left behind then.
   */
  commit(envelope: Envelope, changes?: { readonly prepend?: string; readonly replaced?: boolean }): Promise<Handle>;
  /** Commits into the tree in state `held`, for quarantine; `why` is shown to the operator. */
  quarantine(envelope: Envelope, why: string): Promise<Handle>;
  /** Forgets the message. */
  discard(): Promise<void>;
}

export interface Store {
  nextId(): QueueId;
  draft(id: QueueId): Draft;
  read(handle: Handle): Promise<ReadResult>;
  /** Filter worker: writes content that stands in place of the staged message's; the acceptor commits it with `replaced`. */
  writeReplacement(handle: Handle, content: Uint8Array): Promise<void>;
  /** Appends outcomes to this worker's outcome journal; resolves when they are durable. Batched over all callers. */
  record(handle: Handle, outcomes: readonly Outcome[]): Promise<void>;
  /** Gives the message its own file in the hashed tree, durably. True when this call moved it out of a journal. */
  moveToTree(handle: Handle): Promise<boolean>;
  /** Space and inodes are above the configured floor. Cheap: the answer is at most a second old. */
  hasRoom(): boolean;
  /** Closes the current segments; pending commits are finished first. */
  close(): Promise<void>;
}

/** The disk or the quota is full (ENOSPC, EDQUOT, EFBIG), or space is below the configured floor. */
export class StorageFull extends Error {
  override readonly name = 'StorageFull';
}
