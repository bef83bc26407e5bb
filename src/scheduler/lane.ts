/**
 * A lane: one connection to a transport worker, for one bin. The connection is the lease: jobs given to it are the worker's
 * until it reports them or the connection ends.
 *
 * States: connecting → open → leaving → closed; its worker says when it ends, and may die in any of them. Only an open lane takes jobs.
 */
import { errorText } from '../base/text.ts';
import type { Done, Hello } from '../ipc/messages.ts';
import type { Peer } from '../ipc/peer.ts';
import type { Hop } from '../mail/outcome.ts';
import { isSuspect } from './suspects.ts';
import type { WorkPart } from './work.ts';

export interface InFlight {
  readonly part: WorkPart;
  /** When it was given, monotonic milliseconds. */
  readonly since: number;
  /** The same, ms since 1970: as its worker's outcomes tell the time. */
  readonly given: number;
}

/** What a lane needs to know of its bin. */
interface LaneBin {
  readonly hop: Hop;
}

export interface LaneOwner<B extends LaneBin> {
  connect(bin: B): Promise<Peer>;
  opened(lane: Lane<B>): void;
  done(lane: Lane<B>, part: WorkPart, done: Done): void;
  /** A worker that ends gave this back, untouched. */
  returned(lane: Lane<B>, flight: InFlight): void;
  /** The worker died or closed with these in hand, oldest first; `hello` is absent when no worker ever answered. */
  lost(
    lane: Lane<B>,
    lost: { readonly inFlight: readonly InFlight[]; readonly hello?: Hello; readonly why: string },
  ): void;
}

/** Work that a lane is given ahead, in ms: a quick one has many jobs that share flushes and writes, a slow one leaves them to others. */
const AHEAD_MS = 25;
/** How much of a new measurement goes into the average. */
const WEIGHT = 0.2;
/** One whose answer is awaited, and one that is being sent. */
const LEAST_DEPTH = 2;
/** Where others may come whose mail would wait for the second one. */
const SHARED_DEPTH = 1;

export class Lane<B extends LaneBin> {
  readonly name: string;
  readonly bin: B;
  readonly #owner: LaneOwner<B>;
  readonly #inFlight = new Map<number, InFlight>();
  #peer: Peer | undefined;
  #closed = false;
  #leaving = false;
  /** Jobs given since it opened. */
  served = 0;
  /** Something was delivered over it. */
  proven = false;
  /** It met trouble: it takes nothing more while others of its bin deliver. */
  spent = false;
  /** Since when it has nothing to do, monotonic milliseconds. */
  idleSince = performance.now();
  /** Average time of a job, ms; unknown at first. */
  #jobMs: number | undefined;
  #lastReport = 0;
  /** When its worker said last that it is at work. */
  #lastWord = 0;
  /** What was given last goes alone. */
  #alone = false;

  constructor(name: string, bin: B, owner: LaneOwner<B>) {
    this.name = name;
    this.bin = bin;
    this.#owner = owner;
    void this.#open();
  }

  get open(): boolean {
    return this.#peer !== undefined && !this.#closed && !this.#leaving;
  }

  /** Its worker ends: it finishes what is at work, and takes nothing more. */
  get leaving(): boolean {
    return this.#leaving;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Process id of its worker, while it has one. */
  get pid(): number | undefined {
    return this.#peer?.hello.pid;
  }

  /** How many jobs it may have in hand, `most` at most; `shared`: there are several tenants. */
  depth(most: number, shared = false): number {
    if (this.#alone) return 1;
    const least = shared ? SHARED_DEPTH : LEAST_DEPTH;
    const quick = this.#jobMs === undefined ? least : Math.floor(AHEAD_MS / Math.max(this.#jobMs, 0.1));
    return Math.min(most, Math.max(least, quick));
  }

  /**
   * Since when it is at the job that it was given first, and nothing was heard of it; monotonic ms. That one waited for those
   * before it.
   */
  get busySince(): number | undefined {
    const oldest = this.#inFlight.values().next().value;
    return oldest && Math.max(oldest.since, this.#lastReport, this.#lastWord);
  }

  give(part: WorkPart): void {
    const peer = this.#peer;
    if (!peer) throw new Error('lane is not open');
    const { message, hop, to, attempts, failures, kind } = part;
    const n = peer.nextId();
    this.#inFlight.set(n, { part, since: performance.now(), given: Date.now() });
    this.served += 1;
    this.#alone = isSuspect(part);
    part.inFlight = true;
    const next = hop.next === this.bin.hop.next ? {} : { next: hop.next };
    const report = failures && kind ? { failures, kind } : {};
    peer.send({ t: 'job', n, handle: message.facts.handle, to, attempts, ...next, ...report });
  }

  /** Closes an idle lane. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#peer?.close();
  }

  async #open(): Promise<void> {
    let peer: Peer;
    try {
      peer = await this.#owner.connect(this.bin);
    } catch (error) {
      return this.#lost(errorText(error));
    }
    // What throws from here on is no loss of the lane: its worker has it still, with all that it was given. It ends this process.
    if (this.#closed) return peer.close();
    this.#peer = peer;
    peer.onClose = (why) => this.#lost(why, peer.hello);
    peer.onFrame = (frame) => {
      if (frame.t === 'done') this.#reported(frame);
      if (frame.t === 'at-work') this.#lastWord = performance.now();
      if (frame.t === 'leaving') this.#leaving = true;
      if (frame.t === 'refused') this.#returned(frame.n);
    };
    peer.send({ t: 'open', lane: this.name, hop: this.bin.hop });
    this.#owner.opened(this);
  }

  #reported(done: Done): void {
    const flight = this.#inFlight.get(done.n);
    // A report about a job that this lane does not hold is from a worker that lost its right to it.
    if (!flight) return;
    this.#inFlight.delete(done.n);
    const now = performance.now();
    this.#measure(now - Math.max(flight.since, this.#lastReport));
    this.#lastReport = now;
    if (this.#inFlight.size === 0) this.idleSince = now;
    this.#owner.done(this, flight.part, done);
  }

  #measure(ms: number): void {
    this.#jobMs = this.#jobMs === undefined ? ms : this.#jobMs + WEIGHT * (ms - this.#jobMs);
  }

  /** The worker ends in order and gives back what it did not begin. */
  #returned(n: number): void {
    // Before the owner looks for a lane that takes it.
    this.#leaving = true;
    const flight = this.#inFlight.get(n);
    if (!flight) return;
    this.#inFlight.delete(n);
    this.#owner.returned(this, flight);
  }

  #lost(why: string, hello?: Hello): void {
    const wasClosed = this.#closed;
    this.#closed = true;
    this.#peer = undefined;
    const inFlight = [...this.#inFlight.values()];
    this.#inFlight.clear();
    // They stay in flight, out of a command's reach, until it is known what their worker recorded.
    if (wasClosed && inFlight.length === 0) return;
    this.#owner.lost(this, { inFlight, why, ...(hello ? { hello } : {}) });
  }
}
