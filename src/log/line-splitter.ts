/**
 * Cuts one client's bytes into lines, whatever it sends and however it is split, holding at most one line.
 *
 * A line over the cap is given out once, cut, and the rest of it is skipped up to its newline. The last line of a
 * client that went away without a newline is not given out: its sender will say it again, or died while saying it.
 * An empty line is none; it is told apart.
 */
const NEWLINE = 0x0a;
/** A client that sends byte by byte would cost a hundred times what it sends. */
const MAX_PIECES = 64;

export class LineSplitter {
  readonly #cap: number;
  readonly #onLine: (line: Buffer, whole: boolean) => void;
  readonly #onEmpty: () => void;
  #rest: Buffer[] = [];
  #size = 0;
  #skipping = false;

  /** `cap` in bytes, newline not counted; `whole` is false for a line that was cut. */
  constructor(cap: number, onLine: (line: Buffer, whole: boolean) => void, onEmpty: () => void = () => undefined) {
    this.#cap = cap;
    this.#onLine = onLine;
    this.#onEmpty = onEmpty;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.#add(chunk.subarray(from, at));
      this.#end();
      from = at + 1;
    }
    if (from < chunk.length) this.#add(chunk.subarray(from));
  }

  #add(piece: Buffer): void {
    if (this.#skipping || piece.length === 0) return;
    this.#rest.push(piece);
    this.#size += piece.length;
    if (this.#rest.length > MAX_PIECES) this.#rest = [Buffer.concat(this.#rest, this.#size)];
    if (this.#size <= this.#cap) return;
    const cut = Buffer.concat(this.#rest, this.#size).subarray(0, this.#cap);
    this.#clear();
    this.#skipping = true;
    this.#onLine(cut, false);
  }

  #end(): void {
    if (this.#skipping) {
      this.#skipping = false;
      return;
    }
    const [only] = this.#rest;
    const line = this.#rest.length === 1 && only !== undefined ? only : Buffer.concat(this.#rest, this.#size);
    this.#clear();
    if (line.length > 0) this.#onLine(line, true);
    else this.#onEmpty();
  }

  #clear(): void {
    this.#rest = [];
    this.#size = 0;
  }
}
