/**
 * Runs of the injector: at most one of each mode at a time; what is asked for while one runs means one more run after
 * it. A run that failed is tried again, with back-off: until it went well, there may be mail that nobody works on.
 */
import { INJECTOR_MODES, type InjectorMode } from '../process/orders.ts';
import { Backoff } from './backoff.ts';
import { LOOK_MS } from './looks.ts';
import type { End, Member, MemberEvents } from './member.ts';

export interface InjectionsHost {
  /** `since`: what was made before that time, in ms since 1970, needs no look. */
  launch(mode: InjectorMode, since: number, events: MemberEvents): Member;
  log(level: 'info' | 'warn' | 'error', event: string, fields: Record<string, unknown>): void;
}

interface Run {
  member: Member | undefined;
  /** Asked for, and not begun. */
  asked: boolean;
  /** Ended well at least once since the last open(). */
  done: boolean;
  timer: NodeJS.Timeout | undefined;
  readonly backoff: Backoff;
}

/** When the first of some writers began, ms since 1970. */
interface Gone {
  /** Of those that are gone and that no run looked for yet. */
  first: number;
  /** Of those that the present run looks for. */
  looked: number;
}

/** Why one was killed that did no harm and suffered none. */
export const NOT_BEGUN = 'its stages are gone';

/** How far a look goes back: over all that came since the one before it, and more. */
const LOOK_BACK_MS = 3 * LOOK_MS;

export class Injections {
  readonly #runs = new Map<InjectorMode, Run>();
  readonly #host: InjectionsHost;
  readonly #gone: Gone = { first: Infinity, looked: Infinity };
  #open = false;
  #empty: (() => void)[] = [];

  constructor(host: InjectionsHost) {
    this.#host = host;
    for (const mode of INJECTOR_MODES) {
      this.#runs.set(mode, { member: undefined, asked: false, done: false, timer: undefined, backoff: new Backoff() });
    }
  }

  get members(): readonly Member[] {
    return [...this.#runs.values()].flatMap((run) => run.member ?? []);
  }

  /** Asks for a run; while closed, it waits for open(). */
  request(mode: InjectorMode): void {
    this.#run(mode).asked = true;
    this.#tend(mode);
  }

  /** A writer is gone that began at this time: the next look for orphans goes back so far. */
  writerGone(begun: number): void {
    this.#gone.first = Math.min(this.#gone.first, begun);
  }

  /** Nothing runs, nothing is asked for, and this mode ended well. */
  isDone(mode: InjectorMode): boolean {
    return this.#run(mode).done && this.#isIdle(mode);
  }

  /** Everything in the queue was handed on to those who work on it: also what workers that died since had in hand. */
  get handedOnAll(): boolean {
    return this.isDone('start') && this.#isIdle('orphans') && this.#isIdle('look');
  }

  open(): void {
    this.#open = true;
    for (const mode of INJECTOR_MODES) this.#tend(mode);
  }

  /** Ends what runs, as its stages are gone; it is asked for anew by open() where it did not end well. */
  async close(deadline: number): Promise<void> {
    this.#open = false;
    for (const run of this.#runs.values()) clearTimeout(run.timer);
    for (const member of this.members) {
      member.drain(deadline);
      // It waits for its stages, or has just begun, and holds nothing.
      if (!member.ready) member.kill(NOT_BEGUN);
    }
    if (this.members.length > 0) await new Promise<void>((resolve) => this.#empty.push(resolve));
  }

  kill(why: string): void {
    for (const member of this.members) member.kill(why);
  }

  #isIdle(mode: InjectorMode): boolean {
    const { asked, member } = this.#run(mode);
    return !asked && member === undefined;
  }

  #run(mode: InjectorMode): Run {
    const run = this.#runs.get(mode);
    if (run === undefined) throw new TypeError(`no mode of the injector: ${mode}`);
    return run;
  }

  #tend(mode: InjectorMode): void {
    const run = this.#run(mode);
    if (!this.#open || !run.asked || run.member !== undefined) return;
    clearTimeout(run.timer);
    const wait = run.backoff.leftMs(performance.now());
    if (wait > 0) {
      run.timer = setTimeout(() => this.#tend(mode), wait);
      return;
    }
    run.asked = false;
    run.member = this.#host.launch(mode, this.#since(mode), {
      onReady: () => {},
      onReport: () => {},
      onGone: (member, end) => this.#ended(mode, member, end),
    });
  }

  #since(mode: InjectorMode): number {
    if (mode === 'orphans') return this.#lookBack();
    return mode === 'look' ? Math.max(1, Date.now() - LOOK_BACK_MS) : 0;
  }

  #lookBack(): number {
    this.#gone.looked = this.#gone.first;
    this.#gone.first = Infinity;
    return Number.isFinite(this.#gone.looked) ? this.#gone.looked : 0;
  }

  #ended(mode: InjectorMode, member: Member, end: End): void {
    const run = this.#run(mode);
    run.member = undefined;
    if (end.clean && !member.draining) {
      run.done = true;
      run.backoff.reset();
    } else {
      run.asked = true;
      if (mode === 'orphans') this.writerGone(this.#gone.looked);
      const wait = run.backoff.note({ livedMs: end.livedMs, killed: false }, performance.now());
      if (!member.draining) this.#host.log('warn', 'injector-failed', { mode, retry: wait / 1000, ...end });
    }
    if (this.members.length === 0) for (const resolve of this.#empty.splice(0)) resolve();
    this.#tend(mode);
  }
}
