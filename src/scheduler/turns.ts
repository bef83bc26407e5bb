/**
 * Whose turn it is: deficit round robin (Shreedhar and Varghese, SIGCOMM 1995). Each is given its weight in credit when its turn
 * comes, keeps the turn until that is spent, and goes to the end of the line. Whoever leaves takes no credit along, and no debt.
 */
import { Deque } from '../base/deque.ts';

export interface Taker {
  /** Its share, above 0: twice the weight is twice as much work in the long run. */
  readonly weight: number;
  /** Belongs to Turns. */
  credit: number;
}

export class Turns<T extends Taker> {
  readonly #line = new Deque<T>();
  /** Before all others, with credit left. */
  #current: T | undefined;

  get size(): number {
    return this.#line.length + (this.#current === undefined ? 0 : 1);
  }

  /** Puts one that is not in line at its end. */
  join(one: T): void {
    one.credit = 0;
    this.#line.push(one);
  }

  /** Whose turn it is, until charge() or leave() ends that; undefined when nobody is in line. */
  next(): T | undefined {
    while (this.#current === undefined) {
      const one = this.#line.shift();
      if (one === undefined) return undefined;
      one.credit += one.weight;
      if (one.credit > 0) this.#current = one;
      else this.#line.push(one);
    }
    return this.#current;
  }

  /** The one whose turn it is did that much work. */
  charge(cost: number): void {
    const one = this.#current;
    if (one === undefined) return;
    one.credit -= cost;
    if (one.credit > 0) return;
    this.#current = undefined;
    this.#line.push(one);
  }

  /** The one whose turn it is has nothing to do, or must not. */
  leave(): void {
    this.#current = undefined;
  }
}
