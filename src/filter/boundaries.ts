/**
 * The multiparts that are open at this point of a message, and which line ends or continues which of them.
 *
 * Lines are compared whole (RFC 2046 section 5.1.1; white space at the end is allowed), innermost multipart first; a
 * line of an outer one ends those within. The cost of a look does not depend on how many are open.
 */

export interface Multipart {
  /** Usually one. All those that some reader of the part's headers may take, one character per byte. */
  readonly boundaries: readonly string[];
  /** Containers around it. */
  readonly depth: number;
  /** Its parts are messages unless they say otherwise (RFC 2046 section 5.1.5). */
  readonly digest: boolean;
}

/** Longest boundary that is honoured: RFC 2046 allows 70 characters, a line of mail 998. */
export const MAX_BOUNDARY = 994;

const DASH = 0x2d;
const SPACE = 0x20;
const TAB = 0x09;
const CR = 0x0d;

export class OpenMultiparts {
  readonly #stack: Multipart[] = [];
  /** Where in the stack a boundary is, innermost last. */
  readonly #places = new Map<string, number[]>();
  /** How many open boundaries have this length. */
  readonly #lengths = new Uint32Array(MAX_BOUNDARY + 1);

  get none(): boolean {
    return this.#stack.length === 0;
  }

  push(part: Multipart): void {
    for (const boundary of new Set(part.boundaries)) {
      const places = this.#places.get(boundary);
      if (places === undefined) this.#places.set(boundary, [this.#stack.length]);
      else places.push(this.#stack.length);
      this.#lengths[boundary.length] = (this.#lengths[boundary.length] ?? 0) + 1;
    }
    this.#stack.push(part);
  }

  /** Whether the line buf[from, to) is a delimiter of an open multipart. */
  isDelimiter(buf: Buffer, from: number, to: number): boolean {
    return this.#find(buf, from, to) !== undefined;
  }

  /**
   * As isDelimiter(), and closes what lies within that multipart. `next`: a part of `of` begins. After the closing
   * line, `of` stays open unless one around it has the same boundary: mail programs differ in whether parts may follow.
   */
  take(buf: Buffer, from: number, to: number): { readonly next: boolean; readonly of: Multipart } | undefined {
    const found = this.#find(buf, from, to);
    if (found === undefined) return undefined;
    const { next, places, place } = found;
    const of = this.#stack[place];
    this.#popTo(!next && places.length > 1 ? place : place + 1);
    return of && { next, of };
  }

  #find(buf: Buffer, from: number, to: number) {
    if (buf[from] !== DASH || buf[from + 1] !== DASH) return undefined;
    const end = trimmedEnd(buf, from + 2, to);
    const length = end - from - 2;
    if (!this.#has(length) && !this.#has(length - 2)) return undefined;
    const text = buf.toString('latin1', from + 2, end);
    const next = this.#places.has(text);
    const places = this.#places.get(next || !text.endsWith('--') ? text : text.slice(0, -2));
    const place = places?.at(-1);
    return places === undefined || place === undefined ? undefined : { next, places, place };
  }

  #has(length: number): boolean {
    return length >= 0 && length <= MAX_BOUNDARY && this.#lengths[length] !== 0;
  }

  #popTo(size: number): void {
    while (this.#stack.length > size) {
      for (const boundary of new Set(this.#stack.pop()?.boundaries)) {
        const places = this.#places.get(boundary);
        places?.pop();
        if (places?.length === 0) this.#places.delete(boundary);
        this.#lengths[boundary.length] = (this.#lengths[boundary.length] ?? 1) - 1;
      }
    }
  }
}

function trimmedEnd(buf: Buffer, from: number, to: number): number {
  let end = to;
  while (end > from && (buf[end - 1] === SPACE || buf[end - 1] === TAB || buf[end - 1] === CR)) end -= 1;
  return end;
}
