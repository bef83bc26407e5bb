/**
 * How many lanes a bin may have at this moment: more after success, half as many after trouble with one of them (AIMD, as TCP does).
 * A next hop that refuses the fifth connection is no dead one: the other four go on.
 */
export interface WidthRules {
  /** Lanes at first. */
  readonly start: number;
  /** Lanes at most. */
  readonly perBin: number;
}

/** Deliveries of each lane after which there may be one more. */
const WINS = 10;
/** Trouble so soon after a success is that of one lane, not of the whole next hop; in ms. */
const LATELY_MS = 10_000;

export class Width {
  #lanes: number;
  #wins = 0;
  #wellAt = -Infinity;

  constructor({ start, perBin }: WidthRules) {
    this.#lanes = Math.min(start, perBin);
  }

  /** At most `perBin`, which may have changed. */
  lanes({ perBin }: WidthRules): number {
    return Math.min(this.#lanes, perBin);
  }

  /** Something was delivered; `now` in ms of any clock. */
  well(now: number, { perBin }: WidthRules): void {
    this.#wellAt = now;
    if (this.#lanes >= perBin) return;
    this.#wins += 1;
    if (this.#wins < this.#lanes * WINS) return;
    this.#lanes += 1;
    this.#wins = 0;
  }

  /** A lane met trouble. False when nothing was delivered of late, or no lane is left to do without: the next hop is down. */
  narrow(now: number): boolean {
    if (this.#lanes === 1 || now - this.#wellAt > LATELY_MS) return false;
    this.#lanes = Math.floor(this.#lanes / 2);
    this.#wins = 0;
    return true;
  }
}
