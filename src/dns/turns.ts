/** A bound on how much goes on at once: further work waits for its turn, and where too much waits already it gets none. */
import { Deque } from '../base/deque.ts';

interface Waiter {
  /** Absent when it waited too long and went. */
  call: ((granted: boolean) => void) | undefined;
}

export class Turns {
  readonly #most: number;
  readonly #mostWaiting: number;
  readonly #waiting = new Deque<Waiter>();
  #taken = 0;

  constructor(most: number, mostWaiting: number) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
  }

  /** Runs the work when its turn comes; undefined when it does not come within `waitMs`, or too many wait. */
  async run<T>(waitMs: number, work: () => Promise<T>): Promise<T | undefined> {
    if (this.#taken < this.#most) this.#taken += 1;
    else if (this.#waiting.length >= this.#mostWaiting || !(await this.#wait(waitMs))) return undefined;
    try {
      return await work();
    } finally {
      this.#pass();
    }
  }

  #wait(waitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const waiter: Waiter = { call: resolve };
      const timer = setTimeout(() => {
        waiter.call = undefined;
        resolve(false);
      }, waitMs);
      waiter.call = (granted) => {
        clearTimeout(timer);
        resolve(granted);
      };
      this.#waiting.push(waiter);
    });
  }

  /** Hands the turn on, to the first who still waits. */
  #pass(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (next.call === undefined) continue;
      next.call(true);
      return;
    }
    this.#taken -= 1;
  }
}
