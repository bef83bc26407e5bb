/**
 * Which messages have work in memory, and the one place where a message is finished. A message counts as known when it is here, in
 * the index, claimed, or noted in its segment: handing it on twice changes nothing.
 *
 * A message counts as in the tree from the moment that its file may appear there: its end removes the file, and its id is kept as long
 * as a copy may still be made (its record is in doubt) or have been seen (by the injector on its walk).
 */
import { parseHandle } from '../queue/handle.ts';
import type { WaitingIndex } from '../queue/waiting-index.ts';
import type { Segments, Trace } from './segments.ts';
import { recipientsOf, type Message, type MessageFacts, type WorkPart } from './work.ts';

export interface LedgerOptions {
  readonly segments: Segments;
  readonly index: WaitingIndex;
  /** Removes the files of a finished message from the tree. */
  readonly remove: (id: string) => void;
  /** The message has a file in the tree. One look at the disk: asked only while the injector walks. */
  readonly inTree: (id: string) => boolean;
  readonly onFinished: (message: Message) => void;
  /** It is no longer here, finished or not. */
  readonly onGone?: (message: Message) => void;
}

/** A message with a file whose record is in doubt: until the settler told of that record, one more copy may appear. */
interface InDoubt {
  readonly segment: string;
  readonly ordinal: number;
  /** It is finished: a copy is for nothing. */
  ended: boolean;
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
  /** By queue id; never more than records in doubt. */
  readonly #inDoubt = new Map<string, InDoubt>();
  #walking = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#messages.size;
  }

  /** Recipients in memory. */
  get recipients(): number {
    let sum = 0;
    for (const { parts } of this.#messages.values()) for (const part of parts) sum += recipientsOf(part);
    return sum;
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

  /** Everything in the tree up to this id was handed on and taken. */
  walkIsAt(id: string): void {
    let tooMany = this.#finishedInTree.size - REMEMBERED;
    for (const finished of this.#finishedInTree) {
      if (tooMany <= 0) return;
      if (finished <= id && this.#finishedInTree.delete(finished)) tooMany -= 1;
    }
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
      const { segments } = this.#options;
      const { segment, ordinal } = journal;
      // Who hands it on was slower than the settler: it has a file of its own by now.
      if (segments.takeStray(segment, ordinal)) return this.admit({ ...facts, handle: id }, stays);
      if (!segments.note(segment, ordinal)) return undefined;
    } else if (this.#isFinished(id) || this.#options.index.hasId(id)) return undefined;
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
    this.#leaveJournal(handle, false);
  }

  /** Whoever had the message is gone, or failed: it may have a file of its own, durable or not, without a word. */
  doubt(handle: string): void {
    const journal = parseHandle(handle)?.journal;
    if (journal) this.#options.segments.doubt(journal.segment, journal.ordinal);
  }

  /**
   * The settler gave these records a file of their own; an empty id stands for one that holds no message. Answers those whose
   * message ended meanwhile, whatever way it took: their files are for nothing, and removed.
   */
  settled(segment: string, ordinals: readonly number[], ids: readonly string[]): number[] {
    const gone = ordinals.filter((_, i) => this.#isFinished(ids[i] ?? ''));
    ids.forEach((id) => {
      if (this.#isFinished(id)) this.#options.remove(id);
    });
    this.#clearUp(segment, new Set(ordinals));
    const messages = new Set(ordinals.filter((_, i) => ids[i] !== ''));
    this.#options.segments.settled(segment, ordinals, messages);
    this.#forgetOldest();
    return gone;
  }

  #isFinished(id: string): boolean {
    return this.#inDoubt.get(id)?.ended === true || this.#finishedInTree.has(id);
  }

  /** These are in doubt no more; a walk may still have seen their files. */
  #clearUp(segment: string, ordinals: ReadonlySet<number>): void {
    for (const [id, doubt] of this.#inDoubt) {
      if (doubt.segment !== segment || !ordinals.has(doubt.ordinal)) continue;
      this.#inDoubt.delete(id);
      if (doubt.ended) this.#finishedInTree.add(id);
    }
  }

  /**
   * Without a walk, only what dead writers left is looked for. A batch of it may wait for the log for some seconds before it is handed
   * on: one that was forgotten meanwhile has no file any more, and vanishes at its worker.
   */
  #forgetOldest(): void {
    for (const id of this.#finishedInTree) {
      if (this.#walking || this.#finishedInTree.size <= REMEMBERED) return;
      this.#finishedInTree.delete(id);
    }
  }

  #leaveJournal(handle: string, ended: boolean): Trace {
    const parsed = parseHandle(handle);
    if (!parsed?.journal) return 'tree';
    const { segment, ordinal } = parsed.journal;
    const trace = this.#options.segments.finish(segment, ordinal);
    if (trace === 'doubt') this.#inDoubt.set(parsed.id, { segment, ordinal, ended });
    return trace;
  }

  /**
   * After a restart a router may hand a record on before the injector told that its message was moved. The walk reads that file, and
   * the outcome of what is delivered meanwhile it may have missed.
   */
  #hasFileUnknown(id: string): boolean {
    return this.#walking && this.#options.inTree(id);
  }

  #add(message: Message): Message {
    this.#messages.set(message.id, message);
    return message;
  }

  #finish(message: Message): void {
    const { remove, onFinished, onGone } = this.#options;
    onGone?.(message);
    if (message.stays) return;
    // First the line, then what removes the last trace of the message.
    if (!message.vanished) onFinished(message);
    // Without outcomes nothing is known to be finished: if there is a file after all, the next injector hands it on.
    const trace = this.#leaveJournal(message.facts.handle, !message.vanished);
    if (message.vanished || (trace === 'journal' && !this.#hasFileUnknown(message.id))) return;
    const doubt = this.#inDoubt.get(message.id);
    if (doubt) doubt.ended = true;
    else this.#finishedInTree.add(message.id);
    this.#forgetOldest();
    remove(message.id);
  }
}
