/**
 * Lanes that are shared out together: those of a channel, or those that a tenant has of it for itself. None is opened beyond the
 * limit; bins that find none free wait in line, and lanes make room for them.
 *
 * Between tenants each may have as many lanes as its weight is of all that want some. One that has more than its share makes room
 * after the job at hand, and the last few lanes are kept for those that have none: whoever fills all lanes with slow sites keeps
 * nobody waiting.
 */
import type { Bin, BinTenant } from './bins.ts';
import type { Lane } from './lane.ts';
import { Starving } from './starving.ts';

/** One of so many lanes is kept for tenants that have none, where there are several tenants. */
const KEPT_OF = 20;
/** Tenants in line that a lane's tenant is compared with. */
const MOST_COMPARED = 20;

export interface GroupRules {
  readonly limit: number;
  /** There are several tenants. */
  readonly shared: boolean;
}

export class LaneGroup {
  readonly starving = new Starving();
  readonly #rules: () => GroupRules;
  readonly #byTenant = new Map<BinTenant, number>();
  /** Lanes that take nothing more, so that others can be opened. */
  readonly #yielding = new Set<Lane<Bin>>();
  #used = 0;

  constructor(rules: () => GroupRules) {
    this.#rules = rules;
  }

  get unused(): boolean {
    return this.#used === 0 && this.starving.length === 0;
  }

  /** Nobody waits, and no lane makes room. */
  get calm(): boolean {
    return this.starving.length === 0 && this.#yielding.size === 0;
  }

  get isFull(): boolean {
    return this.#used >= this.#rules().limit;
  }

  /** There is a lane to spare for the tenant. */
  hasFree(tenant: BinTenant): boolean {
    const { limit, shared } = this.#rules();
    const kept = shared && this.#byTenant.has(tenant) ? Math.min(limit - 1, Math.ceil(limit / KEPT_OF)) : 0;
    return this.#used < limit - kept;
  }

  opened(tenant: BinTenant): void {
    this.#used += 1;
    this.#byTenant.set(tenant, this.#lanesOf(tenant) + 1);
  }

  closed(lane: Lane<Bin>, tenant: BinTenant): void {
    this.#used -= 1;
    this.#yielding.delete(lane);
    const left = this.#lanesOf(tenant) - 1;
    if (left > 0) this.#byTenant.set(tenant, left);
    else this.#byTenant.delete(tenant);
  }

  /** The bin that gets the lane which is free, or undefined when there is none for any of them. */
  next(): Bin | undefined {
    if (this.starving.length === 0 || this.isFull) return undefined;
    return this.starving.take((tenant) => this.hasFree(tenant));
  }

  /** Whether the lane takes nothing more, because somebody waits for one; `quantum`: it did as much as one lane does in a turn. */
  yields(lane: Lane<Bin>, tenant: BinTenant, quantum: boolean): boolean {
    if (this.starving.length === 0) {
      this.#yielding.clear();
      return false;
    }
    if (this.#yielding.has(lane)) return true;
    if (this.#yielding.size >= this.starving.length) return false;
    if (!quantum && (lane.served === 0 || !this.#isOverShare(tenant))) return false;
    this.#yielding.add(lane);
    return true;
  }

  /** Somebody in line would still have less than this tenant, if it got one of its lanes. */
  #isOverShare(tenant: BinTenant): boolean {
    const left = (this.#lanesOf(tenant) - 1) / tenant.weight;
    let compared = 0;
    for (const other of this.starving.tenants) {
      if (other !== tenant && (this.#lanesOf(other) + 1) / other.weight <= left) return true;
      compared += 1;
      if (compared === MOST_COMPARED) return false;
    }
    return false;
  }

  #lanesOf(tenant: BinTenant): number {
    return this.#byTenant.get(tenant) ?? 0;
  }
}
