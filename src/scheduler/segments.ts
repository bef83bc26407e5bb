/**
 * Accounts of the journals: which records of each segment are known, which are finished, and so which segments can go.
 *
 * A message segment goes when it is closed and every record in it is finished or has moved to the tree. An outcome segment goes
 * when no message segment is left that is older than its end, and what it says of messages in the tree was folded into their
 * state files. What lingers is put into a plan for the settler (the injector in settle mode).
 *
 * A record is in doubt while it may have a file in the tree of which nobody told us: the settler is about to make one, or a worker died
 * over it. So long its segment stays, whatever becomes of the message, and it is planned until a settler said that the file is there.
 */
import { BitSet } from '../base/bit-set.ts';

export interface SegmentsOptions {
  /** Milliseconds that a closed segment may wait before the settler moves what is left in it. */
  readonly linger: number;
  /** Removes the file of `journal/NAME` or `outcome/NAME`. */
  readonly remove: (segment: string) => void;
  /** Does the file of a message segment exist? Asked when we hear of it for the first time. */
  readonly exists: (name: string) => boolean;
  /** When the segment was begun, ms since 1970, told from its name. */
  readonly begunAt: (name: string) => number;
  /** The same clock's time now. */
  readonly now?: () => number;
  /** Milliseconds of a clock that nobody sets: what waits goes by it (base/steady-clock.ts). */
  readonly ticks?: () => number;
}

interface MessageSegment {
  readonly known: BitSet;
  readonly finished: BitSet;
  /** They may have a file in the tree, or get one at any moment. */
  readonly doubtful: BitSet;
  /** The tick at which some were given to the settler last. */
  plannedAt: number;
  total: number | undefined;
  /** The tick at which we heard first that it is closed: it is told of again at each look. */
  closedAt: number;
  /** Its place in the order in which we heard of segments. */
  readonly order: number;
}

interface OutcomeSegment {
  /** As a tick. */
  readonly closedAt: number;
  /** The same, ms since 1970, to be compared with the names of message segments. */
  readonly endedAt: number;
  readonly order: number;
  folded: boolean;
  /** The tick at which it was given to the settler to be folded. */
  plannedAt: number;
}

/** What the end of a message found: it had its record only, or has a file of its own, or may have one, or get it at any moment. */
export type Trace = 'journal' | 'tree' | 'doubt';

export interface SegmentPlan {
  readonly segments: { readonly segment: string; readonly ordinals: number[] }[];
  readonly outcomes: string[];
}

/** Ordinals in one plan at most: one frame. The rest comes with the next plan. */
const PLAN_ORDINALS = 50_000;
/** Removed segments that are remembered, and segments with strays. */
const REMEMBERED = 1000;
/** More than any segment can hold: a larger ordinal comes from a broken frame. */
const MAX_RECORDS = 1 << 24;

export class Segments {
  readonly #options: SegmentsOptions;
  readonly #now: () => number;
  readonly #ticks: () => number;
  readonly #messages = new Map<string, MessageSegment>();
  readonly #outcomes = new Map<string, OutcomeSegment>();
  /** Removed of late: a message of theirs that is handed on once more was finished. */
  readonly #removed = new Set<string>();
  /** Settled before anybody handed them on, by segment: their messages have a file, and their owners still hold a handle of a record. */
  readonly #strays = new Map<string, Set<number>>();
  #order = 0;
  /** Records in doubt, over all segments. */
  #doubts = 0;
  /** The injector walks, or did not yet: it may still come upon segments that an outcome speaks of. */
  #walking = true;

  constructor(options: SegmentsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#ticks = options.ticks ?? (() => performance.now());
  }

  get size(): number {
    return this.#messages.size + this.#outcomes.size;
  }

  /** Notes a record; false when it was noted before, or its segment is gone: then the message is here already, or was. */
  note(segment: string, ordinal: number): boolean {
    if (ordinal >= MAX_RECORDS) return false;
    return this.#segment(segment)?.known.add(ordinal) ?? false;
  }

  /** The record needs its journal no more. */
  finish(segment: string, ordinal: number): Trace {
    const entry = this.#messages.get(segment);
    if (!entry || ordinal >= MAX_RECORDS) return 'tree';
    entry.known.add(ordinal);
    const first = entry.finished.add(ordinal);
    this.#release(segment, entry);
    if (entry.doubtful.has(ordinal)) return 'doubt';
    return first ? 'journal' : 'tree';
  }

  /** The record may have a file in the tree: nobody knows who had it last. */
  doubt(segment: string, ordinal: number): void {
    const entry = this.#messages.get(segment);
    if (entry?.known.has(ordinal) && !entry.finished.has(ordinal)) this.#addDoubt(entry, ordinal);
  }

  /** Records in doubt. */
  get doubts(): number {
    return this.#doubts;
  }

  /** The settler gave these a file of their own, or there is no message in those that `messages` leaves out. */
  settled(segment: string, ordinals: readonly number[], messages: ReadonlySet<number> = new Set(ordinals)): void {
    const entry = this.#messages.get(segment);
    if (!entry) return;
    for (const ordinal of ordinals) {
      if (!entry.doubtful.delete(ordinal)) continue;
      this.#doubts -= 1;
      if (entry.known.add(ordinal) && messages.has(ordinal)) this.#keepStray(segment, ordinal);
      entry.finished.add(ordinal);
    }
    this.#release(segment, entry);
  }

  /** True, once, for a record that was settled before it was ever handed on. */
  takeStray(segment: string, ordinal: number): boolean {
    const strays = this.#strays.get(segment);
    if (!strays?.delete(ordinal)) return false;
    if (strays.size === 0) this.#strays.delete(segment);
    return true;
  }

  /** A segment will get no more records. `total` 0 adds ordinals to one that was reported before. */
  close(segment: string, total: number, finished: readonly number[]): void {
    const [kind, name] = segment.split('/');
    if (name === undefined) return;
    if (kind === 'outcome') {
      // It gets no more records, so what was told first holds: the injector tells of all that it finds.
      if (this.#outcomes.has(name)) return this.releaseOutcomes();
      this.#order += 1;
      this.#outcomes.set(name, {
        closedAt: this.#ticks(),
        endedAt: this.#now(),
        order: this.#order,
        folded: total === 0,
        plannedAt: -Infinity,
      });
      return this.releaseOutcomes();
    }
    const entry = this.#segment(name);
    if (!entry) return;
    for (const ordinal of finished) {
      if (ordinal >= MAX_RECORDS) continue;
      entry.known.add(ordinal);
      entry.finished.add(ordinal);
    }
    if (total > 0 && total <= MAX_RECORDS) {
      if (entry.total === undefined) entry.closedAt = this.#ticks();
      entry.total = Math.max(entry.total ?? 0, total);
    }
    this.#release(name, entry);
  }

  /** What the settler should do now; empty lists when nothing lingers. */
  plan(): SegmentPlan {
    const plan = this.#lingering();
    const now = this.#ticks();
    for (const { segment, ordinals } of plan.segments) {
      const entry = this.#messages.get(segment);
      if (!entry) continue;
      for (const ordinal of ordinals) this.#addDoubt(entry, ordinal);
      entry.plannedAt = now;
    }
    for (const name of plan.outcomes) {
      const entry = this.#outcomes.get(name);
      if (entry) entry.plannedAt = now;
    }
    return plan;
  }

  /** The settler is gone, and with it what it had not answered: that is due at once. */
  planLost(): void {
    for (const entry of this.#messages.values()) entry.plannedAt = -Infinity;
    for (const entry of this.#outcomes.values()) entry.plannedAt = -Infinity;
  }

  /** What was planned and not answered (it could not be read) waits its time once more. */
  #lingering(): SegmentPlan {
    const due = this.#ticks() - this.#options.linger;
    const segments: SegmentPlan['segments'] = [];
    let room = PLAN_ORDINALS;
    for (const [segment, { total, closedAt, finished, doubtful, plannedAt }] of this.#messages) {
      if (total === undefined || closedAt > due || room <= 0) continue;
      const again = plannedAt < due;
      const ordinals: number[] = [];
      for (let i = 0; i < total && ordinals.length < room; i += 1)
        if (doubtful.has(i) ? again : !finished.has(i)) ordinals.push(i);
      room -= ordinals.length;
      if (ordinals.length > 0) segments.push({ segment, ordinals });
    }
    const wanted = (entry: OutcomeSegment): boolean => !entry.folded && entry.plannedAt < due && this.#unneeded(entry);
    const outcomes = [...this.#outcomes].filter(([, entry]) => wanted(entry));
    return { segments, outcomes: outcomes.map(([name]) => name) };
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

  #addDoubt(entry: MessageSegment, ordinal: number): void {
    if (entry.doubtful.add(ordinal)) this.#doubts += 1;
  }

  #keepStray(segment: string, ordinal: number): void {
    const strays = this.#strays.get(segment);
    if (strays) strays.add(ordinal);
    else this.#strays.set(segment, new Set([ordinal]));
    if (this.#strays.size > REMEMBERED) deleteFirst(this.#strays);
  }

  /** Undefined for one that was removed: everything in it was finished, and late word of it opens no new account. */
  #segment(name: string): MessageSegment | undefined {
    const known = this.#messages.get(name);
    if (known) return known;
    if (this.#removed.has(name) || !this.#options.exists(name)) return undefined;
    this.#order += 1;
    const entry = {
      known: new BitSet(),
      finished: new BitSet(),
      doubtful: new BitSet(),
      plannedAt: -Infinity,
      total: undefined,
      closedAt: 0,
      order: this.#order,
    };
    this.#messages.set(name, entry);
    return entry;
  }

  #release(name: string, entry: MessageSegment): void {
    if (entry.total === undefined || entry.finished.count < entry.total) return;
    // A total that is too low (the rest of the segment could not be read) must not take away what is at work.
    if (entry.finished.count < entry.known.count || entry.doubtful.count > 0) return;
    this.#messages.delete(name);
    this.#removed.add(name);
    if (this.#removed.size > REMEMBERED) deleteFirst(this.#removed);
    this.#options.remove(`journal/${name}`);
    this.releaseOutcomes();
  }

  /** No message segment that began before this one ended is left, and late notices had time to come in. */
  #unneeded(outcome: OutcomeSegment): boolean {
    if (this.#walking) return false;
    if (outcome.closedAt > this.#ticks() - this.#options.linger) return false;
    for (const [name, { order }] of this.#messages) {
      // One that we know for longer began before, also when the clock was set back since.
      if (order < outcome.order || this.#options.begunAt(name) <= outcome.endedAt) return false;
    }
    return true;
  }
}

function deleteFirst(from: Set<string> | Map<string, unknown>): void {
  for (const key of from.keys()) {
    from.delete(key);
    return;
  }
}
