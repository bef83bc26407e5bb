/** A set of small whole numbers, one bit each. */
export class BitSet {
  #bytes = new Uint8Array(64);
  #count = 0;

  /** How many numbers are in the set. */
  get count(): number {
    return this.#count;
  }

  has(n: number): boolean {
    return ((this.#bytes[n >> 3] ?? 0) & (1 << (n & 7))) !== 0;
  }

  /** True when it was not in the set before. */
  add(n: number): boolean {
    if (this.has(n)) return false;
    const at = n >> 3;
    if (at >= this.#bytes.length) {
      const grown = new Uint8Array(Math.max(at + 1, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[at] = (this.#bytes[at] ?? 0) | (1 << (n & 7));
    this.#count += 1;
    return true;
  }

  /** True when it was in the set. */
  delete(n: number): boolean {
    if (!this.has(n)) return false;
    this.#bytes[n >> 3] = (this.#bytes[n >> 3] ?? 0) & ~(1 << (n & 7));
    this.#count -= 1;
    return true;
  }
}
