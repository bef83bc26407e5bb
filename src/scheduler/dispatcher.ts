/**
 * Gives parts to lanes. Lanes of a bin open by need up to a ceiling, and close when idle; a channel's lanes are shared: a bin that
 * finds none free waits in line, and busy lanes make room after a quantum of jobs. So no bin is starved.
 */
import type { Channel } from '../mail/outcome.ts';
import { Deque } from '../base/deque.ts';
import type { SteadyClock } from '../base/steady-clock.ts';
import type { Bin } from './bins.ts';
import { Lane, type LaneOwner } from './lane.ts';
import { isSuspect } from './suspects.ts';
import type { WorkPart } from './work.ts';

export interface LaneRules {
  /** Lanes of one bin at most. */
  readonly perBin: number;
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
  /** The next part of the bin that may be worked on now; takes from the index what memory had no room for. */
  readonly next: (bin: Bin) => WorkPart | undefined;
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
  readonly #perChannel = new Map<Channel, number>();
  readonly #starving = new Map<Channel, Deque<Bin>>();
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
    if (this.#stopped || bin.until > this.#options.clock.ticks()) return;
    for (const lane of bin.lanes) this.feed(lane);
    const waiting = bin.length + bin.parked;
    if (waiting === 0) return;
    const ceiling = bin.troubles > 0 ? 1 : this.#options.rules().perBin;
    let staying = 0;
    for (const lane of bin.lanes) if (!lane.leaving) staying += 1;
    const crowded = waiting > staying * CROWD;
    if (bin.lanes.size < ceiling && crowded) this.#openLane(bin);
  }

  /** Fills one lane, as long as its bin has work. */
  feed(lane: Lane<Bin>): void {
    if (!lane.open || this.#stopped) return;
    const { bin } = lane;
    // One job probes, however many lanes are still open.
    const probes = bin.troubles > 0 && isAtWork(bin, lane) ? 0 : 1;
    const depth = bin.troubles > 0 ? probes : lane.depth(this.#options.rules().depth);
    const yields = lane.served >= QUANTUM && this.#isStarving(bin.hop.channel);
    while (!yields && lane.inFlight < depth && bin.until <= this.#options.clock.ticks()) {
      const part = this.#options.next(bin);
      if (!part) break;
      if (isSuspect(part) && lane.inFlight > 0) {
        // It is given when this lane, or another one of the bin, has nothing else in hand.
        bin.unshift(part);
        break;
      }
      lane.give(part);
      if (isSuspect(part)) break;
    }
    if (lane.inFlight === 0 && (yields || this.#isStarving(bin.hop.channel))) this.#retire(lane);
  }

  /** The lane is gone. */
  forget(lane: Lane<Bin>): void {
    if (!this.#lanes.delete(lane)) return;
    const { bin } = lane;
    const { channel } = bin.hop;
    bin.dropLane(lane);
    this.#perChannel.set(channel, (this.#perChannel.get(channel) ?? 1) - 1);
    this.#serveStarving(channel);
    if (bin.length + bin.parked > 0 && !bin.starving) this.dispatch(bin);
    this.#options.onQuiet(bin);
  }

  closeIdle(): void {
    for (const lane of this.#lanes) if (lane.open && lane.inFlight === 0) this.#retire(lane);
  }

  #openLane(bin: Bin): void {
    const { channel } = bin.hop;
    if (!this.#hasFree(channel)) return this.#starve(bin);
    this.#perChannel.set(channel, (this.#perChannel.get(channel) ?? 0) + 1);
    this.#lastLane += 1;
    const lane = new Lane(`${channel}-${this.#lastLane}`, bin, this.#options.owner);
    this.#lanes.add(lane);
    bin.addLane(lane);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
  }

  #starve(bin: Bin): void {
    const { channel } = bin.hop;
    // An idle lane of another bin serves nobody: close it, its end opens one here.
    if (!bin.starving && bin.lanes.size === 0) {
      bin.starving = true;
      let line = this.#starving.get(channel);
      if (!line) this.#starving.set(channel, (line = new Deque()));
      line.push(bin);
      for (const lane of this.#lanes) {
        if (lane.open && lane.inFlight === 0 && lane.bin.hop.channel === channel) return this.#retire(lane);
      }
    }
  }

  /** A bin in line may have lost its work, or wait as a whole by now: then the next one gets the lane. */
  #serveStarving(channel: Channel): void {
    const line = this.#starving.get(channel);
    while (line && line.length > 0 && this.#hasFree(channel)) {
      const next = line.shift();
      if (!next) return;
      next.starving = false;
      this.dispatch(next);
    }
  }

  #hasFree(channel: Channel): boolean {
    return (this.#perChannel.get(channel) ?? 0) < this.#options.rules().perChannel[channel];
  }

  #isStarving(channel: Channel): boolean {
    return (this.#starving.get(channel)?.length ?? 0) > 0;
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
