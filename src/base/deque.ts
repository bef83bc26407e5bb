/** A double-ended queue whose every operation is cheap, however long it is: Array.shift() copies. */
export class Deque<T> {
  #front: T[] = [];
  #back: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#front.length + this.#back.length - this.#head;
  }

  push(item: T): void {
    this.#back.push(item);
  }

  /** Puts an item before all others. */
  unshift(item: T): void {
    this.#front.push(item);
  }

  /** All items in order, without taking them. */
  *[Symbol.iterator](): Generator<T> {
    for (let at = this.#front.length - 1; at >= 0; at -= 1) yield this.#front[at] as T;
    for (let at = this.#head; at < this.#back.length; at += 1) yield this.#back[at] as T;
  }

  shift(): T | undefined {
    if (this.#front.length > 0) return this.#front.pop();
    if (this.#head === this.#back.length) return undefined;
    const item = this.#back[this.#head];
    // What was taken is not held any longer, though its place is: thousands may be in front of the others.
    this.#back[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > 1024 && this.#head * 2 > this.#back.length) {
      this.#back = this.#back.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
