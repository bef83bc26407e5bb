/**
 * Tenants as the scheduler sees them: their share of the work, what they may do at most, and who of them has to wait. A tenant
 * without limits costs a look into a table; what a limited one may not do now waits in its bins, in line, until it may.
 */
import type { SteadyClock } from '../base/steady-clock.ts';
import type { TenantStats } from '../ipc/insight.ts';
import { DEFAULT_TENANT } from '../mail/envelope.ts';
import { Pace, type Rate } from './pace.ts';

export interface TenantRules {
  /** Its share beside others, above 0. */
  readonly weight: number;
  /** Messages given to transports; a message for several next hops counts for each. */
  readonly rate?: Rate;
  /** Sessions at the same time that have mail of it in hand; 0: no limit. */
  readonly lanes: number;
  /** Lanes of each channel that are its own; 0: it shares those of all. */
  readonly dedicated: number;
}

const PLAIN: TenantRules = { weight: 1, lanes: 0, dedicated: 0 };
/** When those that wait are looked at again in any case: a lane that was opened for them may have met trouble. */
const LOOK_MS = 1000;
/** As tenants.yaml allows. */
const MOST_DEDICATED = 1000;

/** The next look at what waits of a tenant. */
interface Look {
  /** Tick of the clock. */
  readonly at: number;
  readonly timer: NodeJS.Timeout;
}

/** `B` is a bin and `L` a lane: only who they are counts here. */
export class Tenant<B = object, L = object> {
  readonly name: string;
  /** Bins in which its mail waits until it may go, the longest first. */
  readonly stalled = new Set<B>();
  /** Messages that are here. */
  queued = 0;
  #rules = PLAIN;
  #pace: Pace | undefined;
  #atWork: Map<L, number> | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get weight(): number {
    return this.#rules.weight;
  }

  get dedicated(): number {
    return this.#rules.dedicated;
  }

  get rules(): TenantRules {
    return this.#rules;
  }

  set rules(rules: TenantRules) {
    const { rate } = rules;
    const before = this.#rules.rate;
    this.#rules = rules;
    if (rate?.perSecond !== before?.perSecond || rate?.burst !== before?.burst) this.#pace = rate && new Pace(rate);
    // What is under way at this moment is not counted: a new limit is kept from the next job on.
    this.#atWork = rules.lanes === 0 ? undefined : (this.#atWork ?? new Map<L, number>());
  }

  /** Whether its next job may go to this lane now. */
  mayGo(lane: L, now: number): boolean {
    const atWork = this.#atWork;
    if (atWork && atWork.size >= this.#rules.lanes && !atWork.has(lane)) return false;
    return this.#pace === undefined || this.#pace.wait(now) === 0;
  }

  /** How many bins of it may be worked on from now on, beside those that are. */
  room(now: number): number {
    const lanes = this.#atWork ? this.#rules.lanes - this.#atWork.size : Infinity;
    return Math.min(lanes, this.#pace?.room(now) ?? Infinity);
  }

  /** Milliseconds after which there may be room, when nothing else happens; 0: there is. */
  roomIn(now: number): number {
    if (this.room(now) > 0) return 0;
    return Math.min(LOOK_MS, this.#pace?.wait(now) || LOOK_MS);
  }

  /** A job of it was given to the lane. */
  given(lane: L, now: number): void {
    this.#pace?.take(now);
    this.#atWork?.set(lane, (this.#atWork.get(lane) ?? 0) + 1);
  }

  /** So many jobs of it left the lane. Says whether that made room. */
  left(lane: L, jobs: number): boolean {
    const inHand = this.#atWork?.get(lane);
    if (inHand === undefined) return false;
    if (inHand > jobs) this.#atWork?.set(lane, inHand - jobs);
    else this.#atWork?.delete(lane);
    return inHand <= jobs;
  }
}

export interface TenantsOptions<B, L> {
  readonly clock: SteadyClock;
  /** Mail of the tenant in this bin may go now; answers whether there is any that can. */
  readonly onRoom: (tenant: Tenant<B, L>, bin: B) => boolean;
}

export class Tenants<B = object, L = object> {
  readonly #options: TenantsOptions<B, L>;
  readonly #tenants = new Map<string, Tenant<B, L>>();
  readonly #looks = new Map<Tenant<B, L>, Look>();
  #rules: ReadonlyMap<string, TenantRules> = new Map();

  constructor(options: TenantsOptions<B, L>) {
    this.#options = options;
  }

  /** Why dedicate() must not be called; undefined when it may. */
  whyNotDedicate(name: string, lanes: number): string | undefined {
    if (!this.#rules.has(name)) return `no tenant ${name} is configured`;
    if (lanes > MOST_DEDICATED) return `a tenant can have ${MOST_DEDICATED} lanes of each channel for itself`;
    return undefined;
  }

  /** Lanes of its own for a tenant that is configured, until apply(). */
  dedicate(name: string, lanes: number): void {
    const tenant = this.of(name);
    tenant.rules = { ...tenant.rules, dedicated: lanes };
  }

  isConfigured(name: string): boolean {
    return this.#rules.has(name);
  }

  /** There is somebody to be fair to. */
  get several(): boolean {
    return this.#rules.size > 1 || (this.#rules.size === 1 && !this.#rules.has(DEFAULT_TENANT));
  }

  /** Every tenant that has rules, or mail here. */
  all(): IterableIterator<Tenant<B, L>> {
    return this.#tenants.values();
  }

  /** The tenant of this name; one that is not configured has no limits. */
  of(name: string): Tenant<B, L> {
    const known = this.#tenants.get(name);
    if (known) return known;
    const tenant = new Tenant<B, L>(name);
    tenant.rules = this.#rules.get(name) ?? PLAIN;
    this.#tenants.set(name, tenant);
    return tenant;
  }

  /** New rules by name, of all of them. What waited by the old ones is looked at. */
  apply(rules: ReadonlyMap<string, TenantRules>): void {
    this.#rules = rules;
    for (const name of rules.keys()) this.of(name);
    for (const tenant of this.#tenants.values()) {
      tenant.rules = rules.get(tenant.name) ?? PLAIN;
      this.wake(tenant);
    }
  }

  /** Mail of the tenant may not go to a lane of this bin: it waits until it may. */
  stall(tenant: Tenant<B, L>, bin: B): void {
    tenant.stalled.add(bin);
    // Its time may have come since that was found.
    this.#look(tenant, 1);
  }

  /** Lets as many of its bins go on as there is room for. */
  wake(tenant: Tenant<B, L>): void {
    if (tenant.stalled.size === 0) return;
    const { clock, onRoom } = this.#options;
    let room = tenant.room(clock.ticks());
    let left = tenant.stalled.size;
    // Those that have to wait again join the end of the line.
    for (const bin of tenant.stalled) {
      if (room <= 0 || left === 0) break;
      left -= 1;
      tenant.stalled.delete(bin);
      // What cannot go takes no room; what could may have taken all of it, or waits for a lane.
      if (onRoom(tenant, bin)) room = Math.min(room - 1, tenant.room(clock.ticks()));
    }
  }

  close(): void {
    for (const { timer } of this.#looks.values()) clearTimeout(timer);
    this.#looks.clear();
  }

  /** Looks at what waits of the tenant as soon as there may be room, or after `whenRoom` ms where there is: one timer, the earliest. */
  #look(tenant: Tenant<B, L>, whenRoom: number): void {
    const now = this.#options.clock.ticks();
    const wait = tenant.roomIn(now) || whenRoom;
    const planned = this.#looks.get(tenant);
    if (planned && planned.at <= now + wait) return;
    clearTimeout(planned?.timer);
    const look = (): void => {
      this.#looks.delete(tenant);
      this.wake(tenant);
      if (tenant.stalled.size > 0) this.#look(tenant, LOOK_MS);
    };
    this.#looks.set(tenant, { at: now + wait, timer: setTimeout(look, wait) });
  }
}

/** For whoever asks: tenants that are configured, or have mail here. */
export function tellTenants<B, L>(tenants: Tenants<B, L>): TenantStats[] {
  return [...tenants.all()]
    .filter(({ name, queued }) => queued > 0 || tenants.isConfigured(name))
    .map(({ name, queued, stalled, dedicated }) => ({ name, queued, stalled: stalled.size, dedicated }));
}
