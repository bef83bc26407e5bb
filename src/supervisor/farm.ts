/**
 * One farm: all workers of one role, between a least and a most.
 *
 * Everything that may happen (a death, a wake, a resize, a new configuration, enough jobs) only changes what is wanted
 * or what is worn; `#tend` then does what plan.ts says until there is nothing left to do. A closed farm starts nothing.
 */
import type { FarmName } from '../config/config.ts';
import { FARMS, type FarmTraits } from '../process/farms.ts';
import type { Report } from '../process/orders.ts';
import { Backoff } from './backoff.ts';
import type { End, Member, MemberEvents } from './member.ts';
import { planFarm } from './plan.ts';

/** What of the configuration a farm needs. Times in milliseconds. */
export interface Bounds {
  readonly least: number;
  readonly most: number;
  /** Jobs before a worker is replaced; 0: never. */
  readonly jobs: number;
  readonly drain: number;
}

export interface FarmHost {
  /** Forks a worker of the farm, to run with the configuration of this number. */
  launch(farm: FarmName, epoch: number, events: MemberEvents): Member;
  onReady(farm: Farm, member: Member): void;
  onReport(farm: Farm, member: Member, report: Report): void;
  /** After the farm took note; it has not been replaced yet. */
  onGone(farm: Farm, member: Member, end: End): void;
  log(level: 'info' | 'warn' | 'error', event: string, fields: Record<string, unknown>): void;
}

/** Workers above the least go when they had no job for this long. */
const IDLE_MS = 60_000;

export class Farm {
  readonly name: FarmName;
  readonly traits: FarmTraits;
  /** Workers started in place of others that died. */
  restarts = 0;
  #bounds: Bounds;
  #wanted = 0;
  #epoch = 0;
  #open = false;
  readonly #members = new Set<Member>();
  /** Asked to leave, by SIGTERM. */
  readonly #leaving = new WeakSet<Member>();
  readonly #backoff = new Backoff();
  readonly #host: FarmHost;
  #retry: NodeJS.Timeout | undefined;
  #empty: (() => void)[] = [];

  constructor(name: FarmName, bounds: Bounds, host: FarmHost) {
    this.name = name;
    this.traits = FARMS[name];
    this.#bounds = bounds;
    this.#host = host;
  }

  get members(): ReadonlySet<Member> {
    return this.#members;
  }

  get bounds(): Bounds {
    return this.#bounds;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** All workers that should run are ready, and none is to be replaced. */
  get settled(): boolean {
    if (!this.#open) return true;
    const rest = [...this.#members].filter((member) => !member.draining);
    return rest.length >= this.#wanted && rest.every((member) => member.ready && !this.#isWorn(member));
  }

  /** At least `least` workers take work. */
  get accepting(): boolean {
    return this.#open && this.#count((member) => member.ready && !member.draining) >= this.#bounds.least;
  }

  /** Milliseconds until it starts workers again, 0 when it is not throttled. */
  get throttledMs(): number {
    return this.#backoff.leftMs(performance.now());
  }

  open(): void {
    this.#open = true;
    this.#wanted = Math.max(this.#wanted, this.#bounds.least);
    this.#tend();
  }

  /** Starts nothing more; what runs goes on. */
  freeze(): void {
    this.#open = false;
    this.#wanted = 0;
    clearTimeout(this.#retry);
  }

  /** Starts nothing more and drains all workers. Resolves when they are gone; they get SIGKILL after the deadline. */
  async close(deadline: number): Promise<void> {
    this.freeze();
    for (const member of this.#members) member.drain(deadline);
    await this.untilEmpty();
  }

  untilEmpty(): Promise<void> {
    if (this.#members.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#empty.push(resolve));
  }

  /** One worker more is needed; nothing happens while one is starting, at the upper bound, or when throttled. */
  wake(): void {
    const staying = this.#count((member) => !member.draining);
    if (!this.#open || staying < this.#wanted || this.#count((member) => !member.ready) > 0) return;
    this.#wanted = Math.min(this.#bounds.most, staying + 1);
    this.#tend();
  }

  /** New bounds; workers above them drain, missing ones start. */
  resize(bounds: Bounds): void {
    this.#bounds = bounds;
    this.#wanted = Math.min(Math.max(this.#wanted, bounds.least), bounds.most);
    this.#tend();
  }

  /** All workers are to be replaced by workers with a new configuration, or told to read it where they can. */
  renew(epoch: number): void {
    this.#epoch = epoch;
    this.#backoff.reset();
    if (this.traits.inPlace) for (const member of this.#members) member.reload();
    this.#tend();
  }

  /** Drains workers above the least that have had nothing to do. */
  retireIdle(now: number): void {
    for (const member of this.#members) {
      if (this.#wanted <= this.#bounds.least) return;
      const busy = (member.stats['busy'] ?? 0) > 0 || now - member.activeAt < IDLE_MS;
      if (!member.ready || member.draining || busy) continue;
      this.#wanted -= 1;
      this.#drain(member, 'idle');
    }
  }

  /** Replaces a worker, the new one first. */
  replace(member: Member): void {
    this.#leaving.add(member);
    this.#tend();
  }

  kill(why: string): void {
    for (const member of this.#members) member.kill(why);
  }

  #tend(): void {
    if (!this.#open) return;
    const views = [...this.#members].map((member) => ({ ...flags(member), worn: this.#isWorn(member), member }));
    const plan = planFarm(views, this.#wanted, this.traits.single);
    for (const { member, worn } of plan.drain) this.#drain(member, worn ? 'recycled' : 'resized');
    const wait = plan.start > 0 ? this.throttledMs : 0;
    clearTimeout(this.#retry);
    if (wait > 0) this.#retry = setTimeout(() => this.#tend(), wait);
    else for (let n = 0; n < plan.start; n += 1) this.#start();
  }

  #isWorn(member: Member): boolean {
    if (this.#leaving.has(member)) return true;
    if (this.traits.inPlace) return false;
    return member.epoch < this.#epoch || (this.#bounds.jobs > 0 && member.jobs >= this.#bounds.jobs);
  }

  #start(): void {
    const member = this.#host.launch(this.name, this.#epoch, {
      onReady: (ready) => {
        this.#host.onReady(this, ready);
        this.#tend();
      },
      onReport: (from, report) => {
        this.#host.onReport(this, from, report);
        if (report.report === 'stats' && this.#isWorn(from)) this.#tend();
      },
      onGone: (gone, end) => this.#bury(gone, end),
    });
    this.#members.add(member);
  }

  #drain(member: Member, why: string): void {
    this.#host.log('info', why, { farm: this.name, worker: member.name, jobs: member.jobs });
    member.drain(Date.now() + Math.max(this.#bounds.drain, this.traits.lingers ?? 0));
  }

  #bury(member: Member, end: End): void {
    this.#members.delete(member);
    if (!end.clean) this.#noteDeath(member, end);
    else if (!member.draining) this.restarts += 1;
    this.#host.onGone(this, member, end);
    if (this.#members.size === 0) for (const resolve of this.#empty.splice(0)) resolve();
    this.#tend();
  }

  #noteDeath(member: Member, end: End): void {
    if (member.draining) return;
    this.restarts += 1;
    const killed = member.ready && end.signal === 'SIGKILL';
    const wait = this.#backoff.note({ livedMs: end.livedMs, killed }, performance.now());
    if (wait > 0 && this.#open) this.#host.log('warn', 'throttled', { farm: this.name, seconds: wait / 1000 });
  }

  #count(test: (member: Member) => boolean): number {
    let count = 0;
    for (const member of this.#members) if (test(member)) count += 1;
    return count;
  }
}

function flags(member: Member): { readonly ready: boolean; readonly draining: boolean } {
  return { ready: member.ready, draining: member.draining };
}
