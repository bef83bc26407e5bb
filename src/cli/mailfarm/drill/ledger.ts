/**
 * The two sides of a drill's account: what the farm answered for, and what arrived. Pure: callers tell the times, in
 * monotonic milliseconds.
 *
 * A number is accepted (we read its 250), unknown (the session died with its content on the way: it may arrive), refused
 * for good, or never said to the end, and then it was sent again or left out.
 */

/** When workers that deliver were killed, by which a double can be explained. */
export interface DeliveryKill {
  readonly at: number;
}

export interface Verdict {
  readonly accepted: number;
  /** Accepted and arrived, once each. */
  readonly once: number;
  /** Arrived more than once, where each copy but the last came just before a worker that delivers was killed. */
  readonly twiceUnderWay: number;
  /** Arrived more than once without such a reason. */
  readonly twiceWithoutNeed: number;
  /** Accepted, did not arrive, and still in the queue. */
  readonly queued: readonly Missing[];
  /** Accepted, did not arrive, and not in the queue. */
  readonly lost: readonly Missing[];
  readonly unknown: number;
  /** Of the unknown ones. */
  readonly unknownArrived: number;
  readonly refused: number;
  /** Arrived, and never sent, or refused. */
  readonly phantoms: number;
  /** Arrived with another body than was sent. */
  readonly damaged: number;
}

export interface Missing {
  readonly number: number;
  /** The queue id that the 250 named. */
  readonly id: string | undefined;
}

/** From the sink's answer to the outcome on disk, with a busy machine between them. */
const UNDER_WAY_MS = 5000;
/** The kill is noted when the supervisor confirmed it; deliveries go on until then. */
const SLACK_MS = 250;

export class DrillLedger {
  readonly #accepted = new Map<number, { readonly at: number; readonly id: string | undefined }>();
  readonly #unknown = new Set<number>();
  readonly #refused = new Set<number>();
  readonly #arrived = new Map<number, number[]>();
  #damaged = 0;
  #strangers = 0;
  /** Times that something was refused for now, or that a session died before the content: it was sent again. */
  setbacks = 0;
  /** Why the first one was refused for good. */
  refusal: string | undefined;

  accept(number: number, at: number, id: string | undefined): void {
    this.#accepted.set(number, { at, id });
  }

  doubt(number: number): void {
    this.#unknown.add(number);
  }

  refuse(number: number, why: string): void {
    this.#refused.add(number);
    this.refusal ??= why;
  }

  arrive(number: number, at: number, whole: boolean): void {
    const times = this.#arrived.get(number);
    if (times === undefined) this.#arrived.set(number, [at]);
    else times.push(at);
    if (!whole) this.#damaged += 1;
  }

  /** Something without our mark. */
  arriveStrange(): void {
    this.#strangers += 1;
  }

  get accepted(): number {
    return this.#accepted.size;
  }

  get arrived(): number {
    return this.#arrived.size;
  }

  get unknown(): number {
    return this.#unknown.size;
  }

  /** Accepted, and not arrived so far. */
  missing(): Missing[] {
    return [...this.#accepted]
      .filter(([number]) => !this.#arrived.has(number))
      .map(([number, { id }]) => ({ number, id }));
  }

  /** In order of time. */
  acceptTimes(): number[] {
    return Array.from(this.#accepted.values(), ({ at }) => at).toSorted((a, b) => a - b);
  }

  /** In order of time, doubles included. */
  arrivalTimes(): number[] {
    return [...this.#arrived.values()].flat().toSorted((a, b) => a - b);
  }

  /** `queued`: ids that are in the queue at the end. */
  judge(kills: readonly DeliveryKill[], queued: ReadonlySet<string>): Verdict {
    const missing = this.missing();
    const isQueued = ({ id }: Missing): boolean => id !== undefined && queued.has(id);
    const doubles = [...this.#arrived.values()].filter((times) => times.length > 1);
    const underWay = doubles.filter((times) => isUnderWay(times, kills)).length;
    const known = (number: number): boolean => this.#accepted.has(number) || this.#unknown.has(number);
    return {
      accepted: this.#accepted.size,
      once: [...this.#accepted.keys()].filter((number) => this.#arrived.get(number)?.length === 1).length,
      twiceUnderWay: underWay,
      twiceWithoutNeed: doubles.length - underWay,
      queued: missing.filter(isQueued),
      lost: missing.filter((one) => !isQueued(one)),
      unknown: this.#unknown.size,
      unknownArrived: [...this.#unknown].filter((number) => this.#arrived.has(number)).length,
      refused: this.#refused.size,
      phantoms: this.#strangers + [...this.#arrived.keys()].filter((number) => !known(number)).length,
      damaged: this.#damaged,
    };
  }
}

function isUnderWay(times: readonly number[], kills: readonly DeliveryKill[]): boolean {
  const copies = times.toSorted((a, b) => a - b).slice(0, -1);
  return copies.every((copy) => kills.some(({ at }) => at >= copy - SLACK_MS && at - copy < UNDER_WAY_MS));
}
