/**
 * Gives parts to lanes. Lanes of a bin open by need up to a ceiling, and close when idle; a channel's lanes are shared: a bin that
 * finds none free waits in line, and busy lanes make room after a quantum of jobs. So no bin is starved.
 */
import type { Channel } from '../mail/outcome.ts';
import type { SteadyClock } from '../base/steady-clock.ts';
import type { Bin, BinTenant } from './bins.ts';
import { LaneGroup } from './lane-group.ts';
import { Lane, type LaneOwner } from './lane.ts';
import { isSuspect } from './suspects.ts';
import type { WidthRules } from './width.ts';
import type { WorkPart } from './work.ts';

export interface LaneRules extends WidthRules {
  /** Lanes of a channel at most. */
  readonly perChannel: Readonly<Record<Channel, number>>;
  /** Jobs that one lane has in hand at most. */
  readonly depth: number;
  /** Milliseconds that an idle lane stays open. */
  readonly idleMs: number;
}

export interface DispatcherOptions {
  readonly rules: () => LaneRules;
  readonly clock: SteadyClock;
  readonly owner: LaneOwner<Bin>;
  /** The next part of the bin that may go to this lane now; takes from the index what memory had no room for. */
  readonly next: (bin: Bin, lane: Lane<Bin>) => WorkPart | undefined;
  /** What next() answered was given to the lane. */
  readonly given: (part: WorkPart, lane: Lane<Bin>) => void;
  /** Not now: it goes before all others later. */
  readonly putBack: (part: WorkPart, bin: Bin) => void;
  /** There are several tenants. */
  readonly shared: () => boolean;
  /** A bin may have become empty. */
  readonly onQuiet: (bin: Bin) => void;
}

/** Jobs after which a lane makes room while other bins wait for one. */
const QUANTUM = 50;
/** Parts that wait per lane before another lane is opened. */
const CROWD = 2;
const SWEEP_MS = 500;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #lanes = new Set<Lane<Bin>>();
  /** For whose mail each was opened. */
  readonly #openedFor = new WeakMap<Lane<Bin>, BinTenant>();
  /** By channel; those of one tenant alone, by channel and name. */
  readonly #groups = new Map<string, LaneGroup>();
  #sweeper: NodeJS.Timeout | undefined;
  #lastLane = 0;
  #stopped = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  get lanes(): ReadonlySet<Lane<Bin>> {
    return this.#lanes;
  }

  /** No new work is given out from now on. */
  stop(): void {
    this.#stopped = true;
  }

  /** Gives out what the bin has, as far as lanes are free. */
  dispatch(bin: Bin): void {
    if (this.#stopped || bin.asking || bin.until > this.#options.clock.ticks()) return;
    for (const lane of bin.lanes) this.feed(lane);
    const waiting = bin.ready;
    if (waiting === 0) return;
    const ceiling = bin.troubles > 0 ? 1 : this.#widthOf(bin);
    let staying = 0;
    for (const lane of bin.lanes) if (!lane.leaving) staying += 1;
    const crowded = waiting > staying * CROWD;
    if (staying < ceiling && crowded) this.#openLane(bin);
  }

  /** Fills one lane, as long as its bin has work. */
  feed(lane: Lane<Bin>): void {
    if (!lane.open || this.#stopped) return;
    const { bin } = lane;
    const group = this.#groupOf(bin);
    // One job probes, however many lanes are still open.
    const probes = bin.troubles > 0 && isAtWork(bin, lane) ? 0 : 1;
    const depth = bin.troubles > 0 ? probes : lane.depth(this.#options.rules().depth, this.#options.shared());
    const tooMany = this.#isSpare(lane);
    const yields = tooMany || this.#yields(lane, group);
    while (!yields && lane.inFlight < depth && bin.until <= this.#options.clock.ticks()) {
      const part = this.#options.next(bin, lane);
      if (!part) break;
      if (isSuspect(part) && lane.inFlight > 0) {
        // It is given when this lane, or another one of the bin, has nothing else in hand.
        this.#options.putBack(part, bin);
        break;
      }
      lane.give(part);
      this.#options.given(part, lane);
      if (isSuspect(part)) break;
    }
    if (lane.inFlight === 0 && (tooMany || group.starving.length > 0)) this.#retire(lane);
  }

  /** The lane is gone. */
  forget(lane: Lane<Bin>): void {
    if (!this.#lanes.delete(lane)) return;
    const { bin } = lane;
    bin.dropLane(lane);
    const group = this.#groupOf(bin);
    const tenant = this.#openedFor.get(lane);
    if (tenant) group.closed(lane, tenant);
    this.#serveStarving(group);
    if (bin.ready > 0) this.dispatch(bin);
    if (bin.owner && group.unused) this.#groups.delete(groupKey(bin));
    this.#options.onQuiet(bin);
  }

  /** How lanes are shared out was changed: what waits for one may have it now. */
  lookAgain(): void {
    for (const group of this.#groups.values()) this.#serveStarving(group);
  }

  closeIdle(): void {
    for (const lane of this.#lanes) if (lane.open && lane.inFlight === 0) this.#retire(lane);
  }

  #widthOf(bin: Bin): number {
    const rules = this.#options.rules();
    return bin.width?.lanes(rules) ?? Math.min(rules.start, rules.perBin);
  }

  /** Its bin does with fewer lanes by now: those go first over which nothing was delivered. */
  #isSpare({ bin, proven, spent }: Lane<Bin>): boolean {
    if (bin.troubles > 0) return false;
    if (spent) return true;
    if (bin.lanes.size <= this.#widthOf(bin)) return false;
    if (!proven) return true;
    for (const other of bin.lanes) if (!other.proven) return false;
    return true;
  }

  #openLane(bin: Bin): void {
    const group = this.#groupOf(bin);
    for (const tenant of group.isFull ? [] : bin.hungry()) {
      if (!group.hasFree(tenant)) continue;
      group.opened(tenant);
      this.#lastLane += 1;
      const lane = new Lane(`${bin.hop.channel}-${this.#lastLane}`, bin, this.#options.owner);
      this.#lanes.add(lane);
      this.#openedFor.set(lane, tenant);
      bin.addLane(lane);
      this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
      return;
    }
    if (bin.lanes.size === 0) this.#starve(bin, group);
  }

  #starve(bin: Bin, group: LaneGroup): void {
    let isNew = false;
    for (const tenant of bin.hungry()) isNew = group.starving.add(bin, tenant) || isNew;
    if (!isNew) return;
    // Idle lanes of other bins serve nobody: close them, until the end of one opens one here.
    for (const lane of this.#lanes) {
      if (bin.lanes.size > 0) return;
      if (lane.open && lane.inFlight === 0 && this.#groupOf(lane.bin) === group) this.#retire(lane);
    }
  }

  /** A bin in line may have lost its work, or wait as a whole by now: then the next one gets the lane. */
  #serveStarving(group: LaneGroup): void {
    for (let bin = group.next(); bin !== undefined; bin = group.next()) this.dispatch(bin);
  }

  #yields(lane: Lane<Bin>, group: LaneGroup): boolean {
    if (group.calm) return false;
    const tenant = this.#openedFor.get(lane);
    return tenant !== undefined && group.yields(lane, tenant, lane.served >= QUANTUM);
  }

  #groupOf(bin: Bin): LaneGroup {
    const key = groupKey(bin);
    const known = this.#groups.get(key);
    if (known) return known;
    const { owner, hop } = bin;
    const group = new LaneGroup(() =>
      owner
        ? { limit: Math.max(1, owner.dedicated), shared: false }
        : { limit: this.#options.rules().perChannel[hop.channel], shared: this.#options.shared() },
    );
    this.#groups.set(key, group);
    return group;
  }

  #retire(lane: Lane<Bin>): void {
    lane.close();
    this.forget(lane);
  }

  #sweep(): void {
    const idleBefore = performance.now() - this.#options.rules().idleMs;
    for (const lane of this.#lanes)
      if (lane.open && lane.inFlight === 0 && lane.idleSince <= idleBefore) this.#retire(lane);
    if (this.#lanes.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }
}

/** Another lane of the bin has something in hand. */
function isAtWork(bin: Bin, lane: Lane<Bin>): boolean {
  for (const other of bin.lanes) if (other !== lane && !other.leaving && other.inFlight > 0) return true;
  return false;
}

function groupKey({ hop, owner }: Bin): string {
  return owner ? `${hop.channel}\t${owner.name}` : hop.channel;
}
