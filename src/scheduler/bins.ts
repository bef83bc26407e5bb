/**
 * Bins: all waiting parts of one channel and next hop. Within a bin each tenant has a line of its own, and the tenants take turns by
 * their weights. A bin in trouble waits as a whole and is probed by one lane. Bins that only wait may be very many, one for each
 * dead site: they are a few words each.
 *
 * A tenant with dedicated lanes has bins of its own.
 */
import { DEFAULT_TENANT } from '../mail/envelope.ts';
import type { Hop, Reply } from '../mail/outcome.ts';
import type { Lane } from './lane.ts';
import { Line } from './line.ts';
import type { Tenant } from './tenants.ts';
import { Turns } from './turns.ts';
import type { Width } from './width.ts';
import { binHop, binKey, weightOf, type WorkPart } from './work.ts';

export type BinTenant = Tenant<Bin, Lane<Bin>>;
export type BinLine = Line<BinTenant>;

/** What keeps parts back, and brings them. */
export interface Gate {
  /** Takes parts of the line from the index into memory, or notes that none are there. */
  refill(bin: Bin, line: BinLine): void;
  /** Whether a part of the line may go to this lane now. */
  mayGo(line: BinLine, lane: Lane<Bin>): boolean;
  /** It may not: the line waits until wakeLine(). */
  stalled(bin: Bin, line: BinLine): void;
}

interface SeveralLines {
  readonly byTenant: Map<BinTenant, BinLine>;
  readonly turns: Turns<BinLine>;
}

const NO_LANES: ReadonlySet<Lane<Bin>> = new Set();

export class Bin {
  readonly key: string;
  readonly hop: Hop;
  /** Whose own it is, where it is one of dedicated lanes. */
  readonly owner: BinTenant | undefined;
  /** The bin waits as a whole until that tick of the scheduler's clock (base/steady-clock.ts); 0 when it does not. */
  until = 0;
  /** Troubles in a row; above 0 only one lane probes. */
  troubles = 0;
  trouble: Reply | undefined;
  /** How many lanes it may have, as far as success and trouble tell; absent: those of the start. */
  width: Width | undefined;
  /** Nobody knows yet which site it leads to: it waits for that. */
  asking = false;
  /** Parts in memory, some of which may be gone. */
  length = 0;
  /** Rows of this bin that wait in the index for room or for the end of trouble. */
  parked = 0;
  /** It waits for a worker of ours, not for its next hop. */
  lacksWorker = false;
  #lanes: Set<Lane<Bin>> | undefined;
  /** The only line, as long as there is one alone. */
  #only: BinLine | undefined;
  #several: SeveralLines | undefined;
  /** Of what waits here, in memory or in the index, what stalled lines keep back. */
  #keptBack = 0;

  constructor(hop: Hop, owner?: BinTenant) {
    this.hop = hop;
    this.owner = owner;
    this.key = keyOf(hop, owner);
  }

  /** Its hop is a site, to which the next hops of its parts lead. */
  get isSite(): boolean {
    return this.hop.next.startsWith('site:');
  }

  get lanes(): ReadonlySet<Lane<Bin>> {
    return this.#lanes ?? NO_LANES;
  }

  addLane(lane: Lane<Bin>): void {
    this.#lanes ??= new Set();
    this.#lanes.add(lane);
  }

  dropLane(lane: Lane<Bin>): void {
    this.#lanes?.delete(lane);
    if (this.#lanes?.size === 0) this.#lanes = undefined;
  }

  get lines(): Iterable<BinLine> {
    if (this.#several) return this.#several.byTenant.values();
    return this.#only === undefined ? [] : [this.#only];
  }

  /** Parts that wait here, in memory or in the index. */
  get waiting(): number {
    return this.length + this.parked;
  }

  /** Those of them whose tenants may go on. */
  get ready(): number {
    return this.waiting - this.#keptBack;
  }

  /** Lines with nothing in them may be left over. */
  get isEmpty(): boolean {
    return this.waiting === 0 && this.lanes.size === 0 && this.until === 0;
  }

  /** The tenants with something to do here that may go on, in no order. */
  *hungry(): Generator<BinTenant> {
    for (const line of this.lines) if (!line.stalled && line.length + line.parked > 0) yield line.tenant;
  }

  /** The line of a tenant, made where there is none. */
  lineOf(tenant: BinTenant): BinLine {
    const found = this.findLine(tenant);
    if (found) return found;
    const line: BinLine = new Line(tenant, lineKey(this, tenant.name));
    if (this.#several) this.#several.byTenant.set(tenant, line);
    else if (this.#only) this.#several = this.#share(this.#only, line);
    else this.#only = line;
    return line;
  }

  findLine(tenant: BinTenant): BinLine | undefined {
    if (this.#several) return this.#several.byTenant.get(tenant);
    return this.#only?.tenant === tenant ? this.#only : undefined;
  }

  push(part: WorkPart, tenant: BinTenant): void {
    const line = this.lineOf(tenant);
    line.push(part);
    this.#entered(line);
  }

  unshift(part: WorkPart, tenant: BinTenant): void {
    const line = this.lineOf(tenant);
    line.unshift(part);
    this.#entered(line);
  }

  /** So many rows of the line wait in the index for room, or for the end of trouble. */
  setParked(line: BinLine, rows: number): void {
    const more = Math.max(0, rows) - line.parked;
    line.parked += more;
    this.parked += more;
    if (line.stalled) this.#keptBack += more;
    if (line.parked > 0) this.#join(line);
    else this.#tidy(line);
  }

  /** The next part to work on, or undefined: that of the tenant whose turn it is, among those that may go on. */
  shift(gate?: Gate, lane?: Lane<Bin>): WorkPart | undefined {
    if (!this.#several) return this.#only && this.#shiftFrom(this.#only, gate, lane);
    const { turns } = this.#several;
    for (let line = turns.next(); line !== undefined; line = turns.next()) {
      const part = this.#shiftFrom(line, gate, lane);
      if (part !== undefined) {
        turns.charge(weightOf(part));
        return part;
      }
      line.inTurn = false;
      turns.leave();
      this.#tidy(line);
    }
    return undefined;
  }

  /** Takes all parts out of memory, whoever's turn it is. */
  evict(): WorkPart[] {
    const parts: WorkPart[] = [];
    for (const line of this.lines) this.#drain(line, parts);
    return parts;
  }

  /**
   * Takes out what waits here for the tenant: the parts in memory, and how many rows there are in the index. The line waits for
   * nothing from then on.
   */
  empty(tenant: BinTenant): { readonly parts: WorkPart[]; readonly parked: number } {
    const line = this.findLine(tenant);
    const parts: WorkPart[] = [];
    if (!line) return { parts, parked: 0 };
    this.#drain(line, parts);
    const { parked } = line;
    this.setParked(line, 0);
    line.stalled = false;
    return { parts, parked };
  }

  /** The line waits from now on, because its tenant does. */
  keepBack(line: BinLine): void {
    if (line.stalled) return;
    line.stalled = true;
    this.#keptBack += line.length + line.parked;
  }

  /** The tenant may go on; answers whether it has something here. */
  wakeLine(tenant: BinTenant): boolean {
    const line = this.findLine(tenant);
    if (!line) return false;
    const rows = line.length + line.parked;
    if (line.stalled) {
      line.stalled = false;
      this.#keptBack -= rows;
      this.#join(line);
      this.#tidy(line);
    }
    return rows > 0;
  }

  #shiftFrom(line: BinLine, gate: Gate | undefined, lane: Lane<Bin> | undefined): WorkPart | undefined {
    if (line.stalled) return undefined;
    // All that is in memory may be gone: then it is the turn of what waits in the index.
    while (line.length > 0 || (gate && line.parked > 0)) {
      if (line.length === 0) gate?.refill(this, line);
      if (gate && lane && line.length > 0 && !gate.mayGo(line, lane)) {
        this.keepBack(line);
        gate.stalled(this, line);
        return undefined;
      }
      const part = this.#shiftOf(line);
      if (part !== undefined) return part;
    }
    this.#tidy(line);
    return undefined;
  }

  #shiftOf(line: BinLine): WorkPart | undefined {
    for (let part = line.shift(); part !== undefined; part = line.shift()) {
      this.length -= 1;
      if (line.stalled) this.#keptBack -= 1;
      if (!part.gone) return part;
    }
    return undefined;
  }

  #drain(line: BinLine, into: WorkPart[]): void {
    for (let part = this.#shiftOf(line); part !== undefined; part = this.#shiftOf(line)) into.push(part);
  }

  #entered(line: BinLine): void {
    this.length += 1;
    if (line.stalled) this.#keptBack += 1;
    this.#join(line);
  }

  #share(only: BinLine, line: BinLine): SeveralLines {
    const several: SeveralLines = {
      byTenant: new Map([only, line].map((one) => [one.tenant, one])),
      turns: new Turns(),
    };
    this.#several = several;
    this.#only = undefined;
    this.#join(only);
    return several;
  }

  #join(line: BinLine): void {
    if (!this.#several || line.inTurn || line.stalled) return;
    line.inTurn = true;
    this.#several.turns.join(line);
  }

  /** Forgets a line with nothing in it. */
  #tidy(line: BinLine): void {
    if (line.inTurn || line.length > 0 || line.parked > 0) return;
    if (line === this.#only) this.#only = undefined;
    this.#several?.byTenant.delete(line.tenant);
    if (this.#several?.byTenant.size === 0) this.#several = undefined;
  }
}

export class Bins {
  readonly #bins = new Map<string, Bin>();
  readonly #siteHop: (hop: Hop) => Hop;

  /** `siteHop`: the hop that all of a site share. */
  constructor(siteHop: (hop: Hop) => Hop = (hop) => hop) {
    this.#siteHop = siteHop;
  }

  /** The bin in which a tenant's mail for this hop waits. */
  of(partHop: Hop, tenant: BinTenant): Bin {
    const hop = this.#siteHop(binHop(partHop));
    const owner = tenant.dedicated > 0 ? tenant : undefined;
    const key = keyOf(hop, owner);
    let bin = this.#bins.get(key);
    if (!bin) {
      bin = new Bin(hop, owner);
      this.#bins.set(key, bin);
    }
    return bin;
  }

  byKey(key: string): Bin | undefined {
    return this.#bins.get(key);
  }

  /** The bins of this hop itself, not of its site: the shared one, and those of these owners. */
  ofHop(hop: Hop, owners: readonly BinTenant[]): Bin[] {
    return [undefined, ...owners].map((owner) => this.byKey(keyOf(hop, owner))).filter((bin) => bin !== undefined);
  }

  /** The line that the index knows by this key, and its bin. */
  byLine(lineKey: string): { readonly bin: Bin; readonly line: BinLine } | undefined {
    const bin = this.byKey(lineKey.split('\t\t', 1)[0] ?? '');
    for (const line of bin?.lines ?? []) if (bin && line.key === lineKey) return { bin, line };
    return undefined;
  }

  /** The bin of a hop, if there is one. */
  find(hop: Hop, tenant: BinTenant): Bin | undefined {
    return this.byKey(keyOf(this.#siteHop(binHop(hop)), tenant.dedicated > 0 ? tenant : undefined));
  }

  /** Forgets a bin with nothing in it, so that the table does not grow with every domain ever seen. */
  tidy(bin: Bin): void {
    if (bin.isEmpty) this.#bins.delete(bin.key);
  }

  all(): IterableIterator<Bin> {
    return this.#bins.values();
  }
}

/** No hop has a tab in it. */
function keyOf(hop: Hop, owner: BinTenant | undefined): string {
  return owner === undefined ? binKey(hop) : `${binKey(hop)}\t${owner.name}`;
}

/** Mail of nobody in particular needs no name of its own. */
function lineKey(bin: Bin, tenant: string): string {
  return bin.owner !== undefined || tenant === DEFAULT_TENANT ? bin.key : `${bin.key}\t\t${tenant}`;
}
