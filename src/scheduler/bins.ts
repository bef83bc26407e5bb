/**
 * Bins: all waiting parts of one channel and next hop. New mail and retries have separate lines, taken in turn, so that neither
 * waits for the whole of the other. A bin in trouble waits as a whole and is probed by one lane. Bins that only wait may be very
 * many, one for each dead site: they are a few words each.
 */
import { Deque } from '../base/deque.ts';
import type { Hop, Reply } from '../mail/outcome.ts';
import type { Lane } from './lane.ts';
import { binHop, binKey, type WorkPart } from './work.ts';

interface Lines {
  readonly fresh: Deque<WorkPart>;
  readonly retries: Deque<WorkPart>;
}

const NO_LANES: ReadonlySet<Lane<Bin>> = new Set();

export class Bin {
  readonly key: string;
  readonly hop: Hop;
  /** Rows of this bin that wait in the index for room or for the end of trouble. */
  parked = 0;
  /** The bin waits as a whole until that tick of the scheduler's clock (base/steady-clock.ts); 0 when it does not. */
  until = 0;
  /** Troubles in a row; above 0 only one lane probes. */
  troubles = 0;
  trouble: Reply | undefined;
  /** In line for a lane, because its channel has none to spare. */
  starving = false;
  #lanes: Set<Lane<Bin>> | undefined;
  #lines: Lines | undefined;
  #turn = 0;

  constructor(hop: Hop) {
    this.hop = hop;
    this.key = binKey(hop);
  }

  get lanes(): ReadonlySet<Lane<Bin>> {
    return this.#lanes ?? NO_LANES;
  }

  addLane(lane: Lane<Bin>): void {
    this.#lanes ??= new Set();
    this.#lanes.add(lane);
  }

  dropLane(lane: Lane<Bin>): void {
    this.#lanes?.delete(lane);
    if (this.#lanes?.size === 0) this.#lanes = undefined;
  }

  /** Parts in memory, some of which may be gone. */
  get length(): number {
    return this.#lines === undefined ? 0 : this.#lines.fresh.length + this.#lines.retries.length;
  }

  get empty(): boolean {
    return this.length === 0 && this.parked === 0 && this.lanes.size === 0 && this.until === 0;
  }

  push(part: WorkPart): void {
    this.#lineOf(part).push(part);
  }

  unshift(part: WorkPart): void {
    this.#lineOf(part).unshift(part);
  }

  /** The next part to work on, or undefined. */
  shift(): WorkPart | undefined {
    while (this.#lines !== undefined) {
      const { fresh, retries } = this.#lines;
      this.#turn ^= 1;
      const part = this.#turn === 1 ? (fresh.shift() ?? retries.shift()) : (retries.shift() ?? fresh.shift());
      if (part === undefined) this.#lines = undefined;
      else if (!part.gone) return part;
    }
    return undefined;
  }

  #lineOf(part: WorkPart): Deque<WorkPart> {
    this.#lines ??= { fresh: new Deque(), retries: new Deque() };
    return part.attempts > 0 ? this.#lines.retries : this.#lines.fresh;
  }
}

export class Bins {
  readonly #bins = new Map<string, Bin>();

  of(partHop: Hop): Bin {
    const hop = binHop(partHop);
    const key = binKey(hop);
    let bin = this.#bins.get(key);
    if (!bin) {
      bin = new Bin(hop);
      this.#bins.set(key, bin);
    }
    return bin;
  }

  byKey(key: string): Bin | undefined {
    return this.#bins.get(key);
  }

  /** The bin of a hop, if there is one. */
  find(hop: Hop): Bin | undefined {
    return this.byKey(binKey(binHop(hop)));
  }

  /** Forgets a bin with nothing in it, so that the table does not grow with every domain ever seen. */
  tidy(bin: Bin): void {
    if (bin.empty) this.#bins.delete(bin.key);
  }

  all(): IterableIterator<Bin> {
    return this.#bins.values();
  }
}
