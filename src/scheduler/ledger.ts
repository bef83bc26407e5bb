/**
 * Which messages have work in memory, and the one place where a message is finished. A message counts as known when it is here, in
 * the index, claimed, or noted in its segment: handing it on twice changes nothing.
 */
import { parseHandle } from '../queue/handle.ts';
import type { WaitingIndex } from '../queue/waiting-index.ts';
import type { Segments } from './segments.ts';
import type { Message, MessageFacts, WorkPart } from './work.ts';

export interface LedgerOptions {
  readonly segments: Segments;
  readonly index: WaitingIndex;
  /** Removes the files of a finished message from the tree. */
  readonly remove: (id: string) => void;
  readonly onFinished: (message: Message) => void;
  /** A segment that we hear of for the first time: does its file exist? */
  readonly segmentExists: (segment: string) => boolean;
}

/** Messages that were finished in the tree and are remembered without a walk. */
const REMEMBERED = 10_000;

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #messages = new Map<string, Message>();
  /** Taken out of play by a command, by queue id. */
  readonly claimed = new Set<string>();
  /** Finished in the tree of late, all since a walk began: the injector may have read them before, and hand them on after. */
  readonly #finishedInTree = new Set<string>();
  #walking = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#messages.size;
  }

  get walking(): boolean {
    return this.#walking;
  }

  get(id: string): Message | undefined {
    return this.#messages.get(id);
  }

  walkBegins(): void {
    this.#walking = true;
  }

  walkEnds(): void {
    this.#walking = false;
    this.#forgetOldest();
  }

  /** Takes a message in, or undefined when it is known, or no handle. */
  admit(facts: MessageFacts, stays: boolean): Message | undefined {
    const parsed = parseHandle(facts.handle);
    if (!parsed || parsed.stagedBy) return undefined;
    const { id, journal } = parsed;
    if (this.#messages.has(id) || this.claimed.has(id)) return undefined;
    if (journal) {
      const { segments, segmentExists } = this.#options;
      const { segment, ordinal } = journal;
      // Who hands it on was slower than the settler: it has a file of its own by now.
      if (segments.takeStray(segment, ordinal)) return this.admit({ ...facts, handle: id }, stays);
      if (!segments.has(segment) && (segments.wasRemoved(segment) || !segmentExists(segment))) return undefined;
      if (!segments.note(segment, ordinal)) return undefined;
    } else if (this.#finishedInTree.has(id) || this.#options.index.hasId(id)) return undefined;
    return this.#add({ id, facts, parts: new Set(), parked: false, stays });
  }

  /** The message of a row that comes back from the index. */
  revive(id: string, facts: MessageFacts, stays: boolean): Message {
    const known = this.#messages.get(id);
    if (known) return known;
    return this.#add({ id, facts, parts: new Set(), parked: true, stays });
  }

  /** A part is finished, or left memory: the message may be finished with it. */
  dropPart(part: WorkPart): void {
    const { message } = part;
    message.parts.delete(part);
    if (message.parts.size > 0) return;
    this.#messages.delete(message.id);
    if (message.parked && this.#options.index.hasId(message.id)) return;
    this.#finish(message);
  }

  /** Takes a message out without finishing it: a command owns it now. */
  release(message: Message): void {
    for (const part of message.parts) part.gone = true;
    message.parts.clear();
    this.#messages.delete(message.id);
  }

  /** The message has a file of its own: its journal needs to keep it no more. */
  noteInTree(handle: string): void {
    const journal = parseHandle(handle)?.journal;
    if (journal) this.#options.segments.noteMoved(journal.segment, journal.ordinal);
  }

  /** Outside of a walk, only what dead writers left is looked for: one message at a time, handed on within a moment. */
  #forgetOldest(): void {
    for (const id of this.#finishedInTree) {
      if (this.#walking || this.#finishedInTree.size <= REMEMBERED) return;
      this.#finishedInTree.delete(id);
    }
  }

  #add(message: Message): Message {
    this.#messages.set(message.id, message);
    return message;
  }

  #finish(message: Message): void {
    const { segments, remove, onFinished } = this.#options;
    if (message.stays) return;
    const journal = parseHandle(message.facts.handle)?.journal;
    const inJournal = journal !== undefined && segments.finish(journal.segment, journal.ordinal);
    if (!inJournal) {
      this.#finishedInTree.add(message.id);
      this.#forgetOldest();
      remove(message.id);
    }
    onFinished(message);
  }
}
