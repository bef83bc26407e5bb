/**
 * Bins that wait for a lane of their channel, because none is free. The tenants take turns by their weights, and each tenant's bins
 * come in the order in which they came.
 */
import { Deque } from '../base/deque.ts';
import type { Bin, BinTenant } from './bins.ts';
import { Turns, type Taker } from './turns.ts';

class Claimant implements Taker {
  readonly tenant: BinTenant;
  readonly bins = new Deque<Bin>();
  readonly known = new Set<Bin>();
  credit = 0;

  constructor(tenant: BinTenant) {
    this.tenant = tenant;
  }

  get weight(): number {
    return this.tenant.weight;
  }
}

export class Starving {
  readonly #claimants = new Map<BinTenant, Claimant>();
  readonly #turns = new Turns<Claimant>();

  /** How many wait, each bin once for each of its tenants. */
  length = 0;

  get tenants(): IterableIterator<BinTenant> {
    return this.#claimants.keys();
  }

  /** Puts the bin in line for the tenant; false when it is there already. */
  add(bin: Bin, tenant: BinTenant): boolean {
    let claimant = this.#claimants.get(tenant);
    if (!claimant) {
      claimant = new Claimant(tenant);
      this.#claimants.set(tenant, claimant);
      this.#turns.join(claimant);
    }
    if (claimant.known.has(bin)) return false;
    claimant.known.add(bin);
    claimant.bins.push(bin);
    this.length += 1;
    return true;
  }

  /** Takes the next bin out of the line, of the tenants that may have a lane; undefined when none of them waits. */
  take(may: (tenant: BinTenant) => boolean): Bin | undefined {
    for (let tries = this.#turns.size; tries > 0; tries -= 1) {
      const claimant = this.#turns.next();
      if (!claimant) return undefined;
      if (may(claimant.tenant)) return this.#takeOf(claimant);
      this.#turns.charge(claimant.credit);
    }
    return undefined;
  }

  #takeOf(claimant: Claimant): Bin | undefined {
    const bin = claimant.bins.shift();
    if (bin && claimant.known.delete(bin)) this.length -= 1;
    if (claimant.bins.length > 0) this.#turns.charge(1);
    else {
      this.#turns.leave();
      this.#claimants.delete(claimant.tenant);
    }
    return bin;
  }
}
