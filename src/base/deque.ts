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
