/**
 * Picks the next part of a bin for a lane: that of the tenant whose turn it is, taken back from the index where memory has none,
 * passed over where its time is over.
 */
import type { SteadyClock } from '../base/steady-clock.ts';
import type { Bin, BinLine, Gate } from './bins.ts';
import { ageOut, overdue, stillLate, type FollowUp, type RetryRules } from './fate.ts';
import type { Lane } from './lane.ts';
import type { Ledger } from './ledger.ts';
import type { Parking } from './parking.ts';
import { isSuspect, Suspects } from './suspects.ts';
import { LINE_SHARE, type Window } from './window.ts';
import { newPart, stripPart, type WorkPart } from './work.ts';

export interface PickerOptions {
  readonly retry: () => RetryRules;
  readonly clock: SteadyClock;
  readonly ledger: Ledger;
  readonly parking: Parking;
  readonly window: Window;
  /** The line's tenant may not go on: it waits. */
  readonly onStalled: Gate['stalled'];
  /** Mail of another site by now. */
  readonly hasMoved: (part: WorkPart, bin: Bin) => boolean;
  /** It is to go to the bin where it belongs, and is in none. */
  readonly onMoved: (part: WorkPart) => void;
  /** The part ended without being given out; what follows from that. */
  readonly onAgedOut: (part: WorkPart, followUps: readonly FollowUp[]) => void;
}

/** Parts taken back from the index at a time. */
const REFILL = 200;
/** When a suspect that found another at work has its next turn, in ms. */
const SUSPECT_MS = 1000;

export class Picker {
  readonly #options: PickerOptions;
  readonly #suspects = new Suspects();
  readonly #gate: Gate;
  /** Until that tick a suspect may wait for its turn. */
  #suspectsUntil = 0;

  constructor(options: PickerOptions) {
    this.#options = options;
    const { clock, onStalled } = options;
    this.#gate = {
      refill: (bin, line) => this.#refill(bin, line),
      mayGo: ({ tenant }, lane) => tenant.mayGo(lane, clock.ticks()),
      stalled: onStalled,
    };
  }

  /** A suspect waits in the index for its turn. */
  get suspectsWait(): boolean {
    return this.#suspectsUntil >= this.#options.clock.ticks();
  }

  /** Undefined when nothing of the bin may go to this lane now. */
  next(bin: Bin, lane: Lane<Bin>): WorkPart | undefined {
    const { clock, parking, window, hasMoved, onMoved, onAgedOut } = this.#options;
    for (;;) {
      const shifted = bin.shift(this.#gate, lane);
      if (!shifted) return undefined;
      const part = shifted.kind === 'delayed' ? this.#refresh(shifted) : shifted;
      if (!part) continue;
      if (hasMoved(part, bin)) {
        window.leave(part);
        onMoved(part);
        continue;
      }
      const followUps = this.#agedOut(bin, part);
      const itsTurn = !isSuspect(part) || this.#suspects.admit(part);
      if (followUps.length === 0 && itsTurn) return part;
      window.leave(part);
      if (followUps.length > 0) onAgedOut(part, followUps);
      else parking.park(part, bin, (this.#suspectsUntil = clock.tickIn(SUSPECT_MS)));
    }
  }

  /** A warning may have waited long: it is given out for those only that are late still, or not at all. */
  #refresh(warning: WorkPart): WorkPart | undefined {
    const { ledger, parking, window } = this.#options;
    const { message } = warning;
    const facts = stripPart(warning);
    const fresh = stillLate(facts, [...message.parts, ...parking.waitingOf(message)]);
    if (fresh === facts) return warning;
    const part = fresh && newPart(message, fresh);
    if (part) window.enter(part);
    window.leave(warning);
    ledger.dropPart(warning);
    return part;
  }

  /** A bin that is only probed takes few rows back: most would have to be parked again. What they weigh is known afterwards. */
  #refill(bin: Bin, line: BinLine): void {
    const { parking, window } = this.#options;
    const most = window.weight + window.room;
    for (let rows = bin.troubles > 0 ? LINE_SHARE : REFILL; rows > 0 && window.weight < most; rows -= LINE_SHARE) {
      const { parts, left } = parking.takeOfLine(line, LINE_SHARE);
      for (const part of parts) {
        window.enter(part);
        bin.push(part, line.tenant);
      }
      bin.setParked(line, left);
      if (left === 0) return;
    }
  }

  /** What did not wait for a dead site is tried once more, however old it is: its report decides. */
  #agedOut(bin: Bin, part: WorkPart): FollowUp[] {
    const { retry, clock } = this.#options;
    if (part.message.facts.by !== undefined) {
      const followUps = overdue(part, { rules: retry(), now: clock.now(), trouble: bin.trouble });
      if (followUps.length > 0) return followUps;
    }
    if (bin.troubles === 0) return [];
    return ageOut(part, { rules: retry(), now: clock.now(), trouble: bin.trouble });
  }
}
