/**
 * The scheduler's heart: takes messages in, keeps their parts in bins, and turns the workers' reports into what comes next. It opens
 * no message and starts no process. Memory holds a window of parts; the rest waits in the index.
 */
import type { Done, Routed } from '../ipc/messages.ts';
import { SteadyClock } from '../base/steady-clock.ts';
import type { Hop, Reply } from '../mail/outcome.ts';
import type { Bin } from './bins.ts';
import { Dispatcher, type LaneRules } from './dispatcher.ts';
import { Books, type End } from './books.ts';
import { decideFate, overdue, type Fate, type FollowUp, type RetryRules } from './fate.ts';
import { Homes } from './homes.ts';
import type { InFlight, Lane, LaneOwner } from './lane.ts';
import { Ledger, type LedgerOptions } from './ledger.ts';
import { Parking } from './parking.ts';
import { Picker } from './picker.ts';
import type { SitesOptions } from './sites.ts';
import { Waits } from './waits.ts';
import { LINE_SHARE, Window } from './window.ts';
import { Width } from './width.ts';
import { binKey, factsOf, newPart, partFactsOf, type Message, type WorkPart } from './work.ts';

export interface ConductorRules {
  readonly lanes: LaneRules;
  readonly retry: RetryRules & { readonly times: readonly number[] };
  /** Parts in memory at most; one with many recipients counts as several. */
  readonly window: number;
}

export interface ConductorOptions extends Omit<LedgerOptions, 'onFinished' | 'onGone'> {
  readonly rules: () => ConductorRules;
  readonly clock?: SteadyClock;
  readonly owner: Pick<LaneOwner<Bin>, 'connect'> & {
    /** Looks after a lane that ended with work in hand; calls back with reports found on disk and what is to be redone. */
    lost: LaneOwner<Bin>['lost'];
  };
  /** Asks a worker to which site a next hop leads. */
  readonly askSite: SitesOptions['ask'];
  readonly onEvent: (event: string, fields: Record<string, unknown>) => void;
}

export class Conductor {
  readonly homes: Homes;
  readonly ledger: Ledger;
  readonly parking: Parking;
  readonly dispatcher: Dispatcher;
  readonly books = new Books();
  readonly counts = { taken: 0, known: 0, delivered: 0, finished: 0, redone: 0, troubles: 0, reported: 0, held: 0 };
  readonly clock: SteadyClock;
  readonly #options: ConductorOptions;
  readonly #waits: Waits;
  readonly #picker: Picker;
  readonly #window: Window;

  constructor(options: ConductorOptions) {
    this.#options = options;
    this.clock = options.clock ?? new SteadyClock();
    this.#waits = new Waits(this.clock, () => options.rules().retry.times);
    this.homes = new Homes({
      clock: this.clock,
      index: options.index,
      askSite: options.askSite,
      onReady: (bin) => this.dispatcher.dispatch(bin),
      onShared: () => this.dispatcher.lookAgain(),
      onWaiting: (bin) => this.#park(bin),
    });
    const { bins, tenants } = this.homes;
    this.ledger = new Ledger({
      ...options,
      onFinished: (message) => this.#finished(message),
      onGone: ({ facts }) => (tenants.of(facts.tenant).queued -= 1),
    });
    const { ledger } = this;
    this.parking = new Parking({
      index: options.index,
      clock: this.clock,
      ledger,
      bins,
      tenantOf: ({ tenant }) => tenants.of(tenant),
      onDue: (part) => this.place(part, 0),
      onTrouble: (why) => options.onEvent('index-trouble', { why }),
      onBinDue: (bin) => {
        bin.until = 0;
        this.dispatcher.dispatch(bin);
        bins.tidy(bin);
      },
    });
    this.#window = new Window(() => options.rules().window);
    this.#picker = new Picker({
      retry: () => options.rules().retry,
      clock: this.clock,
      ledger,
      parking: this.parking,
      window: this.#window,
      onStalled: (bin, line) => tenants.stall(line.tenant, bin),
      hasMoved: (part, bin) => this.homes.hasMoved(part, bin),
      // Not from within the dispatcher's loop: thousands may have moved, or aged out, together.
      onMoved: (part) => this.#placeLater(part, 0),
      onAgedOut: (part, followUps) => this.#follow(part, followUps, true),
    });
    this.dispatcher = new Dispatcher({
      rules: () => options.rules().lanes,
      clock: this.clock,
      owner: this.#ownLanes(options.owner),
      next: (bin, lane) => this.#picker.next(bin, lane),
      given: (part, lane) => this.homes.tenantOf(part).given(lane, this.clock.ticks()),
      putBack: (part, bin) => bin.unshift(part, this.homes.tenantOf(part)),
      shared: () => tenants.several,
      onQuiet: (bin) => bins.tidy(bin),
    });
  }

  /** Parts in memory, by weight. */
  get active(): number {
    return this.#window.weight;
  }

  /** A part waits for its turn in the index, because another one of its channel may be with a worker. */
  get suspectsWait(): boolean {
    return this.#picker.suspectsWait;
  }

  /** Takes over a routed message. One that is known already is taken again without effect. */
  take(frame: Omit<Routed, 'n'>): void {
    const message = this.ledger.admit(factsOf(frame), frame.stays === true);
    if (!message) {
      this.counts.known += 1;
      return;
    }
    this.counts.taken += 1;
    // All parts exist before the first is given out, so that the message cannot be finished between two of them.
    const parts = frame.parts.map((part) => newPart(message, partFactsOf(part)));
    this.books.took(sizeOf(frame.parts), frame);
    if (parts.length === 0) return this.ledger.release(message);
    this.homes.tenants.of(message.facts.tenant).queued += 1;
    // Before the first is placed, or the last would end the trouble that the first has met.
    if (frame.probe) for (const part of parts) this.#endTrouble(this.homes.binOf(part));
    parts.forEach((part, i) => this.place(part, this.#waits.untilRetry(frame.parts[i]?.until)));
  }

  /** Puts a part to work: now, or after so many ms, and not before the time that its sender named. */
  place(part: WorkPart, least: number): void {
    if (part.gone) return;
    const wait = part.notBefore === undefined ? least : Math.max(least, this.#waits.untilRelease(part.notBefore));
    if (wait > 0) {
      const bin = this.homes.binOf(part);
      this.parking.park(part, bin, this.clock.tickIn(wait));
      return this.homes.bins.tidy(bin);
    }
    this.#enqueue(part);
  }

  /** The durable outcomes of a job, from its worker over this lane, or from the journal that a dead worker left. */
  report(part: WorkPart, done: Omit<Done, 't' | 'n'>, lane?: Lane<Bin>): void {
    const { message } = part;
    const bin = lane?.bin ?? this.homes.binOf(part);
    this.counts.reported += 1;
    this.#window.leave(part);
    part.inFlight = false;
    const fate = decideFate(part, done, { rules: this.#options.rules().retry, now: this.clock.now() });
    if (done.moved) this.ledger.noteInTree(message.facts.handle);
    else if (done.outcomes.some(({ state }) => state === 'deferred')) this.ledger.doubt(message.facts.handle);
    if (fate.held) {
      this.parking.keepStays(message);
      this.counts.held += 1;
    }
    if (done.outcomes.length === 0 && !done.trouble) {
      message.vanished = true;
      this.#options.onEvent('vanished', { id: message.id, to: part.to });
    }
    this.counts.delivered += fate.ended.delivered ?? 0;
    // A warning is about recipients that go their own way.
    if (part.kind !== 'delayed') this.#close(part, done, fate.ended);
    if (fate.well && !done.elsewhere) this.#well(bin, lane);
    if (done.trouble) this.#met(done.trouble, bin, lane);
    this.#follow(part, fate.followUps);
  }

  #close(part: WorkPart, done: Pick<Done, 'outcomes' | 'trouble'>, ended: Fate['ended']): void {
    for (const [how, recipients] of Object.entries(ended)) this.books.ended(how as End, recipients);
    if (done.outcomes.length === 0 && !done.trouble) this.books.ended('vanished', part.to.length);
  }

  /** Puts a job back that no worker finished. */
  redo(flight: InFlight): void {
    this.counts.redone += 1;
    this.#window.leave(flight.part);
    flight.part.inFlight = false;
    if (!flight.part.gone) this.#enqueue(flight.part, true);
  }

  #well(bin: Bin, lane: Lane<Bin> | undefined): void {
    if (lane) [lane.proven, lane.spent] = [true, false];
    if (bin.troubles > 0) this.#endTrouble(bin);
    const { lanes } = this.#options.rules();
    bin.width ??= new Width(lanes);
    bin.width.well(this.clock.ticks(), lanes);
  }

  /** Where others of its lanes deliver, a bin does with fewer of them. */
  #met(trouble: Reply, bin: Bin, lane: Lane<Bin> | undefined): void {
    // What it had in hand meets the same, and that says nothing more.
    if (lane?.spent && bin.troubles === 0) return;
    if (lane) lane.spent = true;
    const narrower = bin.troubles === 0 && bin.until === 0 && bin.width?.narrow(this.clock.ticks()) === true;
    if (!narrower) return this.trouble(bin, trouble);
    const lanes = bin.width?.lanes(this.#options.rules().lanes);
    this.#options.onEvent('bin-narrows', { hop: binKey(bin.hop), lanes, reply: trouble.text });
  }

  /** The next hop as a whole is in trouble: its bin waits, longer each time. */
  trouble(bin: Bin, reply: Reply, wait?: number): void {
    if (bin.until > this.clock.ticks()) return;
    const { times } = this.#options.rules().retry;
    bin.trouble = reply;
    bin.width = undefined;
    bin.lacksWorker = wait !== undefined;
    bin.until = this.clock.tickIn(wait ?? times[Math.min(bin.troubles, times.length - 1)] ?? 60_000);
    if (wait === undefined) bin.troubles += 1;
    this.counts.troubles += 1;
    this.#options.onEvent('bin-waits', {
      hop: binKey(bin.hop),
      until: this.clock.timeOf(bin.until),
      reply: reply.text,
    });
    this.#park(bin);
  }

  /** What waits for a dead site takes no room from mail that can go. */
  #park(bin: Bin): void {
    for (const part of bin.evict()) {
      this.#window.leave(part);
      this.parking.park(part, bin, this.#waits.withBin(bin, part));
    }
    this.parking.binWaits(bin);
  }

  /** Ends the pause of a tenant's bin, so that it is tried at once. */
  probe(hop: Hop, tenant: string): void {
    const bin = this.homes.bins.of(hop, this.homes.tenants.of(tenant));
    this.#endTrouble(bin);
    this.dispatcher.dispatch(bin);
    this.homes.bins.tidy(bin);
  }

  close(): void {
    this.parking.close();
    this.homes.close();
  }

  /** Somebody may have set the clock. What ages goes by it when it is believed; what waits never does. */
  lookAtClock(): void {
    const jump = this.clock.look();
    if (jump !== 0) this.#options.onEvent('clock-set', { ms: jump });
  }

  /** The parts of a message in memory leave play without being finished: a command owns them now. */
  withdraw(message: Message): void {
    for (const part of message.parts) if (part.due === undefined) this.#window.leave(part);
    this.ledger.release(message);
  }

  /** A command that took a message out of play keeps it; it had so many recipients. */
  lent(message: Message, recipients: number): void {
    this.books.ended('commands', recipients);
    this.homes.tenants.of(message.facts.tenant).queued -= 1;
  }

  #ownLanes({ connect, lost }: ConductorOptions['owner']): LaneOwner<Bin> {
    return {
      connect: (bin) => connect(bin),
      opened: (lane) => this.dispatcher.feed(lane),
      done: (lane, part, done) => {
        // What it says of the bin holds before the room that it leaves is given to the next.
        this.report(part, done, lane);
        this.#leftLane(part, lane);
        this.dispatcher.feed(lane);
        this.dispatcher.dispatch(lane.bin);
      },
      returned: (lane, flight) => {
        this.redo(flight);
        this.#leftLane(flight.part, lane);
      },
      lost: (lane, what) => {
        lost(lane, what);
        if (!what.hello) this.trouble(lane.bin, noWorker(what.why), NO_WORKER_MS);
        for (const { part } of what.inFlight) this.#leftLane(part, lane);
        this.dispatcher.forget(lane);
      },
    };
  }

  #follow(part: WorkPart, followUps: readonly FollowUp[], later = false): void {
    const created = followUps.map(({ facts, wait }) => ({ part: newPart(part.message, facts), wait }));
    this.ledger.dropPart(part);
    for (const next of created) {
      if (later) this.#placeLater(next.part, next.wait);
      else this.place(next.part, next.wait);
    }
  }

  /** It counts as in memory at once: a command may withdraw it before its turn comes. */
  #placeLater(part: WorkPart, wait: number): void {
    this.#window.enter(part);
    setImmediate(() => {
      if (part.gone) return;
      this.#window.leave(part);
      this.place(part, wait);
    });
  }

  #enqueue(part: WorkPart, first = false): void {
    const tenant = this.homes.tenantOf(part);
    const bin = this.homes.enter(part, tenant);
    if (part.message.facts.by !== undefined) {
      const at = { rules: this.#options.rules().retry, now: this.clock.now(), trouble: bin.trouble };
      const followUps = overdue(part, at);
      if (followUps.length > 0) {
        this.homes.bins.tidy(bin);
        return this.#follow(part, followUps);
      }
    }
    const line = bin.findLine(tenant);
    const full = this.#window.full && (line?.length ?? 0) >= LINE_SHARE;
    const waits = bin.until > this.clock.ticks();
    if (full || waits) return this.parking.park(part, bin, waits ? this.#waits.withBin(bin, part) : 0);
    this.#window.enter(part);
    if (first) bin.unshift(part, tenant);
    else bin.push(part, tenant);
    // Others of the tenant's bins wait for it already.
    if (tenant.stalled.size > 0 && line === undefined) {
      bin.keepBack(bin.lineOf(tenant));
      tenant.stalled.add(bin);
    }
    this.dispatcher.dispatch(bin);
  }

  #leftLane(part: WorkPart, lane: Lane<Bin>): void {
    const tenant = this.homes.tenantOf(part);
    if (tenant.left(lane, 1)) this.homes.tenants.wake(tenant);
  }

  #endTrouble(bin: Bin): void {
    bin.troubles = 0;
    bin.trouble = undefined;
    bin.until = 0;
  }

  #finished(message: Message): void {
    this.counts.finished += 1;
    this.#options.onEvent('removed', { id: message.id });
  }
}

function sizeOf(parts: readonly { readonly to: readonly string[] }[]): number {
  let sum = 0;
  for (const { to } of parts) sum += to.length;
  return sum;
}

/** What a bin's mail is told while its transport farm has no worker. */
const NO_WORKER_MS = 2000;

function noWorker(why: string): Reply {
  return { code: 451, status: '4.3.0', text: `no transport worker: ${why}` };
}
