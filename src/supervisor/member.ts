/**
 * One worker process as the supervisor sees it.
 *
 * States: starting → ready → draining → gone; it may go from any state at any time, and that is told exactly once.
 * A start and a drain have deadlines, after which the process gets SIGKILL, which also ends one that is stopped.
 */
import type { ChildProcess } from 'node:child_process';
import type { FarmName } from '../config/config.ts';
import { errorText } from '../base/text.ts';
import { hasEnded } from '../process/lock.ts';
import { decodeReport, type Figures, type Order, type Report } from '../process/orders.ts';

/** How a worker ended. */
export interface End {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why the fork failed, or why it was killed by us. */
  readonly why?: string | undefined;
  readonly livedMs: number;
  /** It finished what it held: status 0. */
  readonly clean: boolean;
}

export interface MemberEvents {
  onReady(member: Member): void;
  onReport(member: Member, report: Report): void;
  onGone(member: Member, end: End): void;
}

export interface MemberOptions {
  readonly farm: FarmName;
  readonly name: string;
  readonly instance: string;
  /** Number of the configuration that it runs with. */
  readonly epoch: number;
  /** It runs once: it need not become ready. */
  readonly once?: boolean | undefined;
  readonly fork: () => ChildProcess;
  readonly events: MemberEvents;
}

/** What a worker has to become ready. */
const START_MS = 60_000;
/** What a worker that drained until its deadline gets to exit and say why: on a busy machine that takes more than a moment. */
const GRACE_MS = 5000;
/** How often a worker whose channel closed is looked at until its exit is told, in ms. */
const UNTOLD_MS = 2000;

export class Member {
  readonly farm: FarmName;
  readonly name: string;
  readonly instance: string;
  readonly epoch: number;
  readonly startedAt = Date.now();
  ready = false;
  draining = false;
  jobs = 0;
  stats: Figures = {};
  /** When its figures changed last, monotonic milliseconds. */
  activeAt = performance.now();
  readonly #begun = performance.now();
  readonly #events: MemberEvents;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #why: string | undefined;
  #gone = false;
  #asked = 0;
  /** Number of the last question that was answered. */
  #answered = 0;

  constructor(options: MemberOptions) {
    this.farm = options.farm;
    this.name = options.name;
    this.instance = options.instance;
    this.epoch = options.epoch;
    this.#events = options.events;
    try {
      this.#watch(options.fork());
      if (!options.once) this.#killAfter(START_MS, 'not ready in time');
    } catch (error) {
      this.#failToFork(error);
    }
  }

  /** 0 when the fork failed. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Orders it to finish until the deadline (milliseconds since 1970); a later call can only shorten that. */
  drain(deadline: number): void {
    this.draining = true;
    this.#order({ order: 'drain', deadline });
    this.#killAfter(Math.max(0, deadline - Date.now()) + GRACE_MS, 'did not drain in time');
  }

  reload(): void {
    this.#order({ order: 'reload' });
  }

  /** Asks for its figures as they are now: `stats` holds them as soon as hasAnswered() is true of the number. */
  ask(): number {
    this.#asked += 1;
    this.#order({ order: 'figures', n: this.#asked });
    return this.#asked;
  }

  /** Also of one that is gone: it has nothing in hand. */
  hasAnswered(n: number): boolean {
    return this.#gone || this.#answered >= n;
  }

  /** It got a SIGTERM that is none of its business. */
  stay(): void {
    this.#order({ order: 'stay' });
  }

  /** A SIGTERM as from outside: it asks for leave, and is replaced. */
  terminate(): void {
    if (!this.#gone) this.#child?.kill('SIGTERM');
  }

  kill(why: string): void {
    if (this.#gone) return;
    this.#why ??= why;
    this.#child?.kill('SIGKILL');
  }

  #watch(child: ChildProcess): void {
    this.#child = child;
    child.on('message', (message) => this.#hear(decodeReport(message)));
    child.on('exit', (code, signal) => this.#end(code, signal));
    child.on('disconnect', () => setTimeout(() => this.#watchForEnd(), UNTOLD_MS).unref());
    child.on('error', (error) => {
      // After a fork that worked, the error is of a message that could not be sent: the exit tells the rest.
      if (child.pid === undefined) this.#failToFork(error);
    });
  }

  /**
   * A dying process closes its channel. Should nobody tell us of its exit (a debugger held it when it died, and the signal
   * is lost), the farm would wait for it for ever.
   */
  #watchForEnd(): void {
    if (this.#gone) return;
    if (hasEnded(this.pid)) return this.#end(null, 'SIGKILL');
    setTimeout(() => this.#watchForEnd(), UNTOLD_MS).unref();
  }

  #failToFork(error: unknown): void {
    this.#why = `fork failed: ${errorText(error)}`;
    // Not before the caller knows this member.
    setImmediate(() => this.#end(null, null));
  }

  #hear(report: Report | undefined): void {
    if (report === undefined || this.#gone) return;
    if (report.report === 'stats') {
      if (report.jobs !== this.jobs) this.activeAt = performance.now();
      this.jobs = report.jobs;
      this.stats = report.stats;
      this.#answered = Math.max(this.#answered, report.n ?? 0);
    }
    if (report.report !== 'ready') return this.#events.onReport(this, report);
    if (this.ready) return;
    this.ready = true;
    this.activeAt = performance.now();
    if (!this.draining) clearTimeout(this.#timer);
    this.#events.onReady(this);
  }

  #order(order: Order): void {
    // An error means that it is on its way out; the exit will tell.
    if (this.#child?.connected) this.#child.send(order, () => {});
  }

  #killAfter(ms: number, why: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.kill(why), ms);
  }

  #end(code: number | null, signal: string | null): void {
    if (this.#gone) return;
    this.#gone = true;
    clearTimeout(this.#timer);
    const livedMs = performance.now() - this.#begun;
    this.#events.onGone(this, { code, signal, why: this.#why, livedMs, clean: code === 0 });
  }
}
