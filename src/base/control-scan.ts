/**
 * Finds the next byte below 14 in a buffer: every CR, LF and NUL, and hardly anything else in mail. Four bytes at a time: a native
 * search costs as much as a hundred bytes, and lines of mail are shorter.
 */

/** Below this length there is nothing to win by words. */
const SHORT = 64;
const NO_WORDS = new Int32Array(0);

export class ControlScan {
  readonly #bytes: Buffer;
  readonly #words: Int32Array;
  /** Index of the first byte of the first word. */
  readonly #lead: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#lead = -bytes.byteOffset & 3;
    const count = bytes.length < SHORT ? 0 : (bytes.length - this.#lead) >> 2;
    this.#words = count === 0 ? NO_WORDS : new Int32Array(bytes.buffer, bytes.byteOffset + this.#lead, count);
  }

  /** Index of the first byte below 14 at or after `from`, or the buffer's length. */
  next(from: number): number {
    const words = this.#words;
    const lead = this.#lead;
    if (words.length === 0) return this.#step(from, this.#bytes.length);
    const aligned = from <= lead ? lead : lead + ((from - lead + 3) & ~3);
    const head = this.#step(from, Math.min(aligned, this.#bytes.length));
    if (head < aligned) return head;
    let at = (aligned - lead) >> 2;
    // Some byte of the word is below 14 (Bit Twiddling Hacks, "hasless"): exact, whatever the other bytes are.
    for (; at < words.length; at += 1) {
      const word = words[at] as number;
      if (((word - 0x0e0e0e0e) & ~word & 0x80808080) !== 0) break;
    }
    return this.#step(lead + (at << 2), this.#bytes.length);
  }

  #step(from: number, to: number): number {
    const bytes = this.#bytes;
    let at = from;
    while (at < to && (bytes[at] as number) >= 14) at += 1;
    return at;
  }
}
