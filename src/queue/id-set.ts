/** Queue ids that were met, some 30 bytes each and outside of the JavaScript heap: for as many as a queue may hold. */
import { PlaceTable } from '../base/place-table.ts';
import { hashOfId } from './queue-id.ts';

/** Characters of an id that one number of a place holds. */
const PIECE = 6;

export class IdSet {
  readonly #places = new PlaceTable();

  /** False when it is there already. */
  add(id: string): boolean {
    if (this.has(id)) return false;
    this.#places.add(hashOfId(id), placeOf(id));
    return true;
  }

  has(id: string): boolean {
    const { file, offset, length } = placeOf(id);
    const known = this.#places.of(hashOfId(id));
    return known.some((one) => one.file === file && one.offset === offset && one.length === length);
  }
}

/** All but the first character, which is the same for thirty years, as three numbers. */
function placeOf(id: string): { readonly file: number; readonly offset: number; readonly length: number } {
  const at = (from: number): number => Number.parseInt(id.slice(from, from + PIECE), 36);
  return { file: at(1), offset: at(1 + PIECE), length: at(1 + 2 * PIECE) };
}
