/**
 * Accounts of the journals: which records of each segment are known, which are finished, and so which segments can go.
 *
 * A message segment goes when it is closed and every record in it is finished or has moved to the tree. An outcome segment goes
 * when no message segment is left that is older than its end, and what it says of messages in the tree was folded into their
 * state files. What lingers is put into a plan for the settler (the injector in settle mode).
 */
import { BitSet } from '../base/bit-set.ts';

export interface SegmentsOptions {
  /** Milliseconds that a closed segment may wait before the settler moves what is left in it. */
  readonly linger: number;
  /** Removes the file of `journal/NAME` or `outcome/NAME`. */
  readonly remove: (segment: string) => void;
  /** When the segment was begun, ms since 1970, told from its name. */
  readonly begunAt: (name: string) => number;
  readonly now?: () => number;
}

interface MessageSegment {
  readonly known: BitSet;
  readonly finished: BitSet;
  /** Of the finished ones: those that live on in the tree, or may. */
  readonly moved: BitSet;
  total: number | undefined;
  closedAt: number;
  /** Its place in the order in which we heard of segments. */
  readonly order: number;
}

interface OutcomeSegment {
  readonly closedAt: number;
  readonly order: number;
  folded: boolean;
}

export interface SegmentPlan {
  readonly segments: { readonly segment: string; readonly ordinals: number[] }[];
  readonly outcomes: string[];
}

/** Ordinals in one plan at most: one frame. The rest comes with the next plan. */
const PLAN_ORDINALS = 50_000;
/** Removed segments that are remembered. */
const REMEMBERED = 1000;
/** More than any segment can hold: a larger ordinal comes from a broken frame. */
const MAX_RECORDS = 1 << 24;

export class Segments {
  readonly #options: SegmentsOptions;
  readonly #now: () => number;
  readonly #messages = new Map<string, MessageSegment>();
  readonly #outcomes = new Map<string, OutcomeSegment>();
  /** Removed of late: a message of theirs that is handed on once more was finished. */
  readonly #removed = new Set<string>();
  /** Segments of the last plan, kept until the settler answers, though they are removed meanwhile. */
  readonly #planned = new Map<string, MessageSegment>();
  #order = 0;
  /** The injector walks: it may still come upon segments that an outcome speaks of. */
  #walking = false;

  constructor(options: SegmentsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  get size(): number {
    return this.#messages.size + this.#outcomes.size;
  }

  has(segment: string): boolean {
    return this.#messages.has(segment);
  }

  wasRemoved(segment: string): boolean {
    return this.#removed.has(segment);
  }

  /** Notes a record; false when it was noted before: then the message is here already, or was. */
  note(segment: string, ordinal: number): boolean {
    if (ordinal >= MAX_RECORDS) return false;
    return this.#segment(segment).known.add(ordinal);
  }

  /** The record needs its journal no more; false when that was so before: then the message has its own file. */
  finish(segment: string, ordinal: number): boolean {
    const entry = this.#messages.get(segment);
    if (!entry || ordinal >= MAX_RECORDS) return false;
    entry.known.add(ordinal);
    const first = entry.finished.add(ordinal);
    this.#release(segment, entry);
    return first;
  }

  /** The message of the record has a file of its own, and lives on there. */
  noteMoved(segment: string, ordinal: number): void {
    const entry = this.#messages.get(segment);
    if (!entry || ordinal >= MAX_RECORDS) return;
    entry.moved.add(ordinal);
    this.finish(segment, ordinal);
  }

  /**
   * The settler gave these a file of their own. Answers those that were finished while it did: their files can go. A record
   * that somebody else moved meanwhile (it was deferred, held, claimed) is none of them: its message lives in that file.
   */
  settled(segment: string, ordinals: readonly number[]): number[] {
    const entry = this.#planned.get(segment) ?? this.#messages.get(segment);
    if (!entry) return [];
    const gone = ordinals.filter((ordinal) => entry.finished.has(ordinal) && !entry.moved.has(ordinal));
    const done = new Set(gone);
    for (const ordinal of ordinals) if (!done.has(ordinal)) this.noteMoved(segment, ordinal);
    return gone;
  }

  /** A segment will get no more records. `total` 0 adds ordinals to one that was reported before. */
  close(segment: string, total: number, finished: readonly number[]): void {
    const [kind, name] = segment.split('/');
    if (name === undefined) return;
    if (kind === 'outcome') {
      this.#outcomes.set(name, { closedAt: this.#now(), order: (this.#order += 1), folded: total === 0 });
      return this.releaseOutcomes();
    }
    const entry = this.#segment(name);
    for (const ordinal of finished) {
      if (ordinal >= MAX_RECORDS) continue;
      entry.known.add(ordinal);
      // The injector counts those in that it found in the tree, so the settler must not remove their files.
      if (entry.finished.add(ordinal)) entry.moved.add(ordinal);
    }
    if (total > 0 && total <= MAX_RECORDS) {
      entry.total = Math.max(entry.total ?? 0, total);
      entry.closedAt = this.#now();
    }
    this.#release(name, entry);
  }

  /** What the settler should do now; empty lists when nothing lingers. */
  plan(): SegmentPlan {
    const plan = this.#lingering();
    this.#planned.clear();
    for (const { segment } of plan.segments) {
      const entry = this.#messages.get(segment);
      if (entry) this.#planned.set(segment, entry);
    }
    return plan;
  }

  #lingering(): SegmentPlan {
    const due = this.#now() - this.#options.linger;
    const segments: SegmentPlan['segments'] = [];
    let room = PLAN_ORDINALS;
    for (const [segment, entry] of this.#messages) {
      if (entry.total === undefined || entry.closedAt > due || room <= 0) continue;
      const ordinals: number[] = [];
      for (let i = 0; i < entry.total && ordinals.length < room; i += 1) if (!entry.finished.has(i)) ordinals.push(i);
      room -= ordinals.length;
      if (ordinals.length > 0) segments.push({ segment, ordinals });
    }
    const outcomes = [...this.#outcomes].filter(([, entry]) => !entry.folded && this.#unneeded(entry));
    return { segments, outcomes: outcomes.map(([name]) => name) };
  }

  /** The settler may be giving messages of this segment a file of their own at this moment, also those that finish meanwhile. */
  isPlanned(segment: string): boolean {
    return this.#planned.has(segment);
  }

  /** True when plan() has something to do. */
  wantsSettling(): boolean {
    const { segments, outcomes } = this.#lingering();
    return segments.length > 0 || outcomes.length > 0;
  }

  /** While the injector walks no outcome segment goes: nobody knows yet which messages there are. */
  set walking(walking: boolean) {
    this.#walking = walking;
  }

  /** Their outcomes about messages in the tree are in state files now. */
  folded(outcomes: readonly string[]): void {
    for (const name of outcomes) {
      const entry = this.#outcomes.get(name);
      if (entry) entry.folded = true;
    }
    this.releaseOutcomes();
  }

  /** Removes outcome segments that nothing needs. Call it from time to time: some become free by time alone. */
  releaseOutcomes(): void {
    for (const [name, entry] of this.#outcomes) {
      if (!entry.folded || !this.#unneeded(entry)) continue;
      this.#outcomes.delete(name);
      this.#options.remove(`outcome/${name}`);
    }
  }

  #segment(name: string): MessageSegment {
    let entry = this.#messages.get(name);
    if (!entry) {
      const order = (this.#order += 1);
      entry = {
        known: new BitSet(),
        finished: new BitSet(),
        moved: new BitSet(),
        total: undefined,
        closedAt: 0,
        order,
      };
      this.#messages.set(name, entry);
    }
    return entry;
  }

  #release(name: string, entry: MessageSegment): void {
    if (entry.total === undefined || entry.finished.count < entry.total) return;
    // A total that is too low (the rest of the segment could not be read) must not take away what is at work.
    if (entry.finished.count < entry.known.count) return;
    this.#messages.delete(name);
    this.#removed.add(name);
    if (this.#removed.size > REMEMBERED)
      for (const oldest of this.#removed.values()) {
        this.#removed.delete(oldest);
        break;
      }
    this.#options.remove(`journal/${name}`);
    this.releaseOutcomes();
  }

  /** No message segment that began before this one ended is left, and late notices had time to come in. */
  #unneeded(outcome: OutcomeSegment): boolean {
    if (this.#walking) return false;
    if (outcome.closedAt > this.#now() - this.#options.linger) return false;
    for (const [name, { order }] of this.#messages) {
      // One that we know for longer began before, also when the clock was set back since.
      if (order < outcome.order || this.#options.begunAt(name) <= outcome.closedAt) return false;
    }
    return true;
  }
}
