/**
 * Bins: all waiting parts of one channel and next hop. New mail and retries have separate lines, taken in turn, so that neither
 * waits for the whole of the other. A bin in trouble waits as a whole and is probed by one lane.
 */
import { Deque } from '../base/deque.ts';
import type { Hop, Reply } from '../mail/outcome.ts';
import type { Lane } from './lane.ts';
import { binHop, binKey, type WorkPart } from './work.ts';

export class Bin {
  readonly key: string;
  readonly hop: Hop;
  readonly lanes = new Set<Lane<Bin>>();
  /** Rows of this bin that wait in the index for room or for the end of trouble. */
  parked = 0;
  /** The bin waits as a whole until then, ms since 1970; 0 when it does not. */
  until = 0;
  /** Troubles in a row; above 0 only one lane probes. */
  troubles = 0;
  trouble: Reply | undefined;
  /** In line for a lane, because its channel has none to spare. */
  starving = false;
  readonly #fresh = new Deque<WorkPart>();
  readonly #retries = new Deque<WorkPart>();
  #turn = 0;

  constructor(hop: Hop) {
    this.hop = hop;
    this.key = binKey(hop);
  }

  /** Parts in memory, some of which may be gone. */
  get length(): number {
    return this.#fresh.length + this.#retries.length;
  }

  get empty(): boolean {
    return this.length === 0 && this.parked === 0 && this.lanes.size === 0 && this.until === 0;
  }

  push(part: WorkPart): void {
    (part.attempts > 0 ? this.#retries : this.#fresh).push(part);
  }

  unshift(part: WorkPart): void {
    (part.attempts > 0 ? this.#retries : this.#fresh).unshift(part);
  }

  /** The next part to work on, or undefined. */
  shift(): WorkPart | undefined {
    for (;;) {
      this.#turn ^= 1;
      const [first, second] = this.#turn === 1 ? [this.#fresh, this.#retries] : [this.#retries, this.#fresh];
      const part = first.shift() ?? second.shift();
      if (part === undefined || !part.gone) return part;
    }
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

  /** Forgets a bin with nothing in it, so that the table does not grow with every domain ever seen. */
  tidy(bin: Bin): void {
    if (bin.empty) this.#bins.delete(bin.key);
  }

  all(): IterableIterator<Bin> {
    return this.#bins.values();
  }
}
