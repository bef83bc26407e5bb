/**
 * What waits in one bin for one tenant. New mail and retries have separate lines, taken in turn, so that neither waits for the
 * whole of the other.
 */
import { Deque } from '../base/deque.ts';
import type { Taker } from './turns.ts';
import type { WorkPart } from './work.ts';

interface Owner {
  readonly name: string;
  readonly weight: number;
}

/** Others that are counted before a part: who has as many has them, or more. */
export const MOST_AHEAD = 10_000;

/** How many a line gives out before a part, MOST_AHEAD at most, and how many were looked at for that. */
export interface Place {
  readonly ahead: number;
  readonly looks: number;
}

export class Line<T extends Owner = Owner> implements Taker {
  readonly tenant: T;
  /** What the index calls it. */
  readonly key: string;
  credit = 0;
  /** Rows of it that wait in the index for room or for the end of trouble. */
  parked = 0;
  /** In its bin's line of turns. */
  inTurn = false;
  /** Its tenant may not go on now. */
  stalled = false;
  /** Absent when empty: lines whose parts all wait in the index may be very many. */
  #fresh: Deque<WorkPart> | undefined;
  #retries: Deque<WorkPart> | undefined;
  #turn = 0;

  constructor(tenant: T, key: string) {
    this.tenant = tenant;
    this.key = key;
  }

  get weight(): number {
    return this.tenant.weight;
  }

  /** Parts in memory, some of which may be gone. */
  get length(): number {
    return (this.#fresh?.length ?? 0) + (this.#retries?.length ?? 0);
  }

  push(part: WorkPart): void {
    this.#of(part).push(part);
  }

  unshift(part: WorkPart): void {
    this.#of(part).unshift(part);
  }

  /** The next part in memory, gone or not. */
  shift(): WorkPart | undefined {
    this.#turn ^= 1;
    const part =
      this.#turn === 1
        ? (this.#fresh?.shift() ?? this.#retries?.shift())
        : (this.#retries?.shift() ?? this.#fresh?.shift());
    if (part === undefined) this.#fresh = this.#retries = undefined;
    return part;
  }

  /**
   * Where this part stands, which is in memory here: new mail and retries are taken in turn. Looks at each one before it, at most
   * MOST_AHEAD of them.
   */
  placeOf(part: WorkPart): Place {
    const [own, other] = part.attempts > 0 ? [this.#retries, this.#fresh] : [this.#fresh, this.#retries];
    let [before, looks] = [0, 0];
    for (const one of own ?? []) {
      if (one === part) break;
      if (looks === MOST_AHEAD) return { ahead: MOST_AHEAD, looks };
      looks += 1;
      if (!one.gone) before += 1;
    }
    return { ahead: Math.min(MOST_AHEAD, before + Math.min(other?.length ?? 0, before)), looks };
  }

  #of(part: WorkPart): Deque<WorkPart> {
    return part.attempts > 0 ? (this.#retries ??= new Deque()) : (this.#fresh ??= new Deque());
  }
}
