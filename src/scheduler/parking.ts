/**
 * Parts that leave memory for the index, and their way back: when their time has come, or when their bin has room. One timer for
 * all of them; none when nothing waits.
 */
import type { SteadyClock } from '../base/steady-clock.ts';
import { errorText } from '../base/text.ts';
import type { WaitingIndex, WaitingRow } from '../queue/waiting-index.ts';
import type { Bin, BinLine, Bins, BinTenant } from './bins.ts';
import type { Ledger } from './ledger.ts';
import {
  newPart,
  recipientsOf,
  stripPart,
  type Message,
  type MessageFacts,
  type PartFacts,
  type WorkPart,
} from './work.ts';

export interface ParkingOptions {
  readonly index: WaitingIndex;
  readonly clock: SteadyClock;
  readonly ledger: Ledger;
  readonly bins: Bins;
  /** The tenant of a message. */
  readonly tenantOf: (facts: MessageFacts) => BinTenant;
  /** A part is back in memory because its time has come. */
  readonly onDue: (part: WorkPart) => void;
  /** The index cannot be written. */
  readonly onTrouble: (why: string) => void;
  /** A bin's time of trouble is over. */
  readonly onBinDue: (bin: Bin) => void;
}

/** Rows taken back in one turn of the event loop. */
const BATCH = 500;
/** When the index could not be written, it is tried again after this time. */
const FULL_MS = 5000;
/** setTimeout takes no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface RowData {
  readonly m: MessageFacts;
  readonly p: PartFacts;
  readonly s?: true;
}

export interface ParkedRow {
  readonly facts: PartFacts;
  readonly tenant: string;
  readonly due: number;
  readonly ahead: () => number;
}

export class Parking {
  readonly #options: ParkingOptions;
  readonly #waitingBins = new Set<Bin>();
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;

  constructor(options: ParkingOptions) {
    this.#options = options;
  }

  /** Moves a part into the index until the tick `due` of our clock, or with `due` 0 until its bin wants it. */
  park(part: WorkPart, bin: Bin, due: number): void {
    const { message } = part;
    const data: RowData = { m: message.facts, p: stripPart(part), ...(message.stays ? { s: true } : {}) };
    const line = bin.lineOf(this.#options.tenantOf(message.facts));
    try {
      this.#options.index.add({
        id: message.id,
        bin: line.key,
        due,
        data: JSON.stringify(data),
        recipients: recipientsOf(part),
      });
    } catch (error) {
      return this.#parkLater(part, { bin, due, why: errorText(error) });
    }
    if (due > 0) this.#wakeAt(due);
    bin.setParked(line, line.parked + (due === 0 ? 1 : 0));
    message.parked = true;
    part.gone = true;
    this.#options.ledger.dropPart(part);
  }

  /** The disk is full: the part stays in memory meanwhile. */
  #parkLater(part: WorkPart, how: { bin: Bin; due: number; why: string }): void {
    this.#options.onTrouble(how.why);
    part.due = how.due;
    setTimeout(() => {
      if (part.gone) return;
      part.due = undefined;
      if (how.due > 0) this.park(part, how.bin, how.due);
      // Its bin may wait for nothing by now, and would never ask for it.
      else this.#options.onDue(part);
    }, FULL_MS);
  }

  /** Takes up to `limit` parts of a line back into memory. What is said of the line's rows is for the caller to note. */
  takeOfLine(line: BinLine, limit: number): { readonly parts: WorkPart[]; readonly left: number } {
    const rows = this.#options.index.takeOfBin(line.key, limit);
    const parts = rows.map((row) => this.#revive(row));
    return { parts, left: rows.length < limit ? 0 : line.parked - rows.length };
  }

  /** Takes all rows of a message out of the index, as parts with the tick that each waits for. */
  takeOfMessage(id: string): { readonly part: WorkPart; readonly due: number }[] {
    const { bins, index } = this.#options;
    return index.takeOfId(id).map((row) => {
      const where = row.due === 0 ? bins.byLine(row.bin) : undefined;
      where?.bin.setParked(where.line, where.line.parked - 1);
      return { part: this.#revive(row), due: row.due };
    });
  }

  /**
   * What of a message waits in the index, which keeps it, with the tick that each part waits for; 0: for its bin. `ahead` counts the
   * rows that its line takes before it.
   */
  rowsOf(id: string): ParkedRow[] {
    const { index } = this.#options;
    return index.rowsOfId(id).map((row) => {
      const { m, p } = JSON.parse(row.data) as RowData;
      return { facts: p, tenant: m.tenant, due: row.due, ahead: () => index.countBefore(row) };
    });
  }

  /** What of a message waits in the index, which keeps it. */
  waitingOf(message: Message): PartFacts[] {
    if (!message.parked) return [];
    return this.#options.index.rowsOfId(message.id).map(({ data }) => (JSON.parse(data) as RowData).p);
  }

  /** The message has held recipients now: neither it nor its rows may end it when the rest is finished. */
  keepStays(message: Message): void {
    message.stays = true;
    const { index } = this.#options;
    for (const row of index.takeOfId(message.id)) {
      const data = JSON.parse(row.data) as RowData;
      index.add({ ...row, data: JSON.stringify({ ...data, s: true }) });
    }
  }

  /** Wakes the bin when its time of trouble is over. */
  binWaits(bin: Bin): void {
    this.#waitingBins.add(bin);
    this.#wakeAt(bin.until);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #revive(row: WaitingRow): WorkPart {
    const { m, p, s } = JSON.parse(row.data) as RowData;
    const message = this.#options.ledger.revive(row.id, m, s === true);
    return newPart(message, p);
  }

  #wakeAt(tick: number): void {
    if (tick >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = tick;
    const wait = Math.min(Math.max(0, tick - this.#options.clock.ticks()), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => this.#wake(), wait);
  }

  #wake(): void {
    this.#timerAt = Infinity;
    const now = this.#options.clock.ticks();
    for (const bin of this.#waitingBins) {
      if (bin.until > now) {
        this.#wakeAt(bin.until);
        continue;
      }
      this.#waitingBins.delete(bin);
      this.#options.onBinDue(bin);
    }
    const rows = this.#options.index.takeDue(now, BATCH);
    for (const row of rows) this.#options.onDue(this.#revive(row));
    const next = rows.length === BATCH ? now : this.#options.index.nextDue();
    if (next !== undefined) this.#wakeAt(next);
  }
}
