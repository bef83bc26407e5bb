/**
 * Places by hash, 24 bytes each and outside of the JavaScript heap: for what is too much to hold in memory and quickly read again.
 * Different keys may have one hash: whoever reads a place tells whether it is the right one.
 */
export interface Place {
  /** Whole numbers below 2³². */
  readonly file: number;
  readonly offset: number;
  readonly length: number;
}

/** Numbers of a row: hash, file, offset, length. */
const WIDTH = 4;
const FIRST_ROWS = 1024;
const NONE = -1;

export class PlaceTable {
  #rows = new Uint32Array(FIRST_ROWS * WIDTH);
  /** For each row the one with the same remainder before it. */
  #before = new Int32Array(FIRST_ROWS);
  /** The last row for each remainder of hashes by the number of rows that there is room for. */
  #last = new Int32Array(FIRST_ROWS).fill(NONE);
  #count = 0;

  add(hash: number, { file, offset, length }: Place): void {
    if (this.#count === this.#last.length) this.#grow();
    this.#rows.set([hash, file, offset, length], this.#count * WIDTH);
    this.#chain(this.#count);
    this.#count += 1;
  }

  /** Places that were added with this hash, in that order. */
  of(hash: number): Place[] {
    const found: Place[] = [];
    for (let row = this.#last[hash % this.#last.length] ?? NONE; row !== NONE; row = this.#before[row] ?? NONE) {
      const [rowHash, file = 0, offset = 0, length = 0] = this.#rows.subarray(row * WIDTH, (row + 1) * WIDTH);
      if (rowHash === hash) found.push({ file, offset, length });
    }
    return found.toReversed();
  }

  #grow(): void {
    const room = this.#last.length * 2;
    const rows = new Uint32Array(room * WIDTH);
    rows.set(this.#rows);
    this.#rows = rows;
    this.#before = new Int32Array(room);
    this.#last = new Int32Array(room).fill(NONE);
    for (let row = 0; row < this.#count; row += 1) this.#chain(row);
  }

  #chain(row: number): void {
    const remainder = (this.#rows[row * WIDTH] ?? 0) % this.#last.length;
    this.#before[row] = this.#last[remainder] ?? NONE;
    this.#last[remainder] = row;
  }
}
