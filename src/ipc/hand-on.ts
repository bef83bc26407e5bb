/**
 * Hands messages on to the next stage and keeps each until it was taken. The stage may die, hang, be replaced or be slow: what it
 * had not taken is handed on again. The next stage may see a message twice and must know it again.
 *
 * A message that was in hand each time the stage died is a suspect: after three losses it goes alone, and when the stage
 * dies over it alone twice, it is given up to `onPoison`, so that one message cannot stop the farm.
 *
 * A worker that answers nothing may wait for the stage behind it: then it says that it is at work, and no message is to blame. One
 * that says nothing at all hangs, in an endless loop perhaps: where it can be killed, that is a death like any other.
 */
import { errorText, oneLine } from '../base/text.ts';
import type { IpcTls } from './address.ts';
import { connectPeer } from './connect.ts';
import type { Accepted, Frame, Hello, Routed } from './messages.ts';
import type { Peer } from './peer.ts';

export type HandedOn = Omit<Accepted, 'n'> | Omit<Routed, 'n'>;

export interface HandOnOptions {
  readonly address: string;
  readonly self: Hello;
  readonly tls?: IpcTls | undefined;
  /** Called when no worker greets. */
  readonly wake?: (() => void) | undefined;
  /** The stage kept dying over this message, or refused it: hold it. Rejections are logged by the caller. */
  readonly onPoison?: (frame: HandedOn, why: string) => Promise<void>;
  readonly onTrouble?: (why: string) => void;
  /** A worker says nothing at all. Given only where the stage says `at-work`. */
  readonly kill?: (pid: number, why: string) => void;
  /** How long a worker that answers nothing is waited for at first, in ms. */
  readonly patienceMs?: number;
}

export interface HandOn {
  /** Resolves when the next stage took over (or onPoison did). Never rejects before close(). */
  send(frame: HandedOn): Promise<void>;
  /** Messages not taken yet. Callers bound it. */
  readonly outstanding: number;
  /** Waits until all is taken, at most until the deadline (ms since 1970), and closes. */
  close(deadline: number): Promise<void>;
}

interface Entry {
  readonly frame: HandedOn;
  readonly resolve: () => void;
  losses: number;
}

const SUSPECT_LOSSES = 3;
const POISON_LOSSES = 5;
const CONNECT_MS = 5000;
/** Longer than the stage behind the next takes to be started anew. */
const PATIENCE_MS = 15_000;
/** Each worker that answers nothing is waited for twice as long as the one before, up to this: the fault may lie behind them. */
const MOST_PATIENCE_MS = 10 * 60_000;

export function openHandOn(options: HandOnOptions): HandOn {
  return new Handing(options);
}

class Handing implements HandOn {
  readonly #options: HandOnOptions;
  /** Not taken, by request id, in the order of sending. */
  readonly #entries = new Map<number, Entry>();
  /** Wait to be sent alone, one at a time. */
  readonly #suspects: Entry[] = [];
  /** A suspect that is in hand by itself. */
  #alone: Entry | undefined;
  /** Wait until the suspects had their turn. */
  #held: Entry[] = [];
  #peer: Peer | undefined;
  #connecting = false;
  #closed = false;
  #lastId = 0;
  #onIdle: (() => void) | undefined;
  /** The last answer, or when the first of what is in hand was sent; monotonic ms. */
  #answeredAt = 0;
  /** The same for any word of the worker. */
  #heardAt = 0;
  #patience: number;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: HandOnOptions) {
    this.#options = options;
    this.#patience = options.patienceMs ?? PATIENCE_MS;
  }

  get outstanding(): number {
    return this.#entries.size + this.#suspects.length + this.#held.length;
  }

  send(frame: HandedOn): Promise<void> {
    return new Promise((resolve) => this.#post({ frame, resolve, losses: 0 }));
  }

  async close(deadline: number): Promise<void> {
    if (this.outstanding > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(0, deadline - Date.now()));
        this.#onIdle = () => (clearTimeout(timer), resolve());
      });
    }
    this.#closed = true;
    clearInterval(this.#watch);
    this.#peer?.close();
  }

  #post(entry: Entry): void {
    if (entry.losses >= POISON_LOSSES) return this.#giveUp(entry, 'the next stage kept failing over this message');
    if (entry.losses >= SUSPECT_LOSSES) this.#suspects.push(entry);
    else if (this.#suspects.length > 0 || this.#alone) this.#held.push(entry);
    else return this.#hand(entry);
    this.#goOn();
  }

  /** When nothing is in hand: the next suspect alone, or after the last all that waited for them. */
  #goOn(): void {
    if (this.#entries.size > 0) return;
    this.#alone = this.#suspects.shift();
    if (this.#alone) return this.#hand(this.#alone);
    const held = this.#held;
    this.#held = [];
    for (const entry of held) this.#hand(entry);
  }

  #hand(entry: Entry): void {
    this.#lastId += 1;
    if (this.#entries.size === 0) this.#beginWait();
    this.#entries.set(this.#lastId, entry);
    if (this.#peer) this.#peer.send({ ...entry.frame, n: this.#lastId });
    else void this.#connect();
  }

  async #connect(): Promise<void> {
    if (this.#connecting) return;
    this.#connecting = true;
    while (this.#peer === undefined && this.outstanding > 0 && !this.#closed) {
      try {
        const { address, self, tls, wake } = this.#options;
        this.#adopt(await connectPeer({ address, self, tls, deadlineMs: CONNECT_MS, onWait: wake }));
      } catch (error) {
        this.#options.onTrouble?.(errorText(error));
      }
    }
    this.#connecting = false;
  }

  #adopt(peer: Peer): void {
    if (this.#closed) return peer.close();
    this.#peer = peer;
    peer.onClose = (why) => this.#lost(why);
    peer.onFrame = (frame) => {
      this.#heardAt = performance.now();
      this.#answered(frame);
    };
    this.#beginWait();
    let before = false;
    this.#watch = setInterval(() => {
      // Twice, as this process may have stood still itself: what came meanwhile is read between two looks.
      const silent = this.#isSilent();
      if (silent && before) this.#leave(peer);
      before = silent;
    }, this.#patience / 4).unref();
    for (const [n, entry] of this.#entries) peer.send({ ...entry.frame, n });
  }

  #beginWait(): void {
    this.#answeredAt = this.#heardAt = performance.now();
  }

  #answered(frame: Frame): void {
    if (frame.t !== 'taken' && frame.t !== 'refused') return;
    const entry = this.#entries.get(frame.n);
    if (entry === undefined) return;
    this.#entries.delete(frame.n);
    this.#answeredAt = performance.now();
    this.#patience = this.#options.patienceMs ?? PATIENCE_MS;
    if (frame.t === 'refused') this.#giveUp(entry, oneLine(frame.why));
    else this.#finish(entry);
  }

  #giveUp(entry: Entry, why: string): void {
    const done = this.#options.onPoison?.(entry.frame, why) ?? Promise.resolve();
    done.then(
      () => this.#finish(entry),
      (error: unknown) => {
        this.#options.onTrouble?.(errorText(error));
        this.#finish(entry);
      },
    );
  }

  #finish(entry: Entry): void {
    entry.resolve();
    this.#goOn();
    if (this.outstanding === 0) this.#onIdle?.();
  }

  #isSilent(): boolean {
    return this.#entries.size > 0 && performance.now() - this.#answeredAt >= this.#patience;
  }

  /** Another worker gets what this one has not taken. Should it go on, the stage after it knows its mail. */
  #leave(peer: Peer): void {
    const { kill, onTrouble } = this.#options;
    peer.onClose = () => undefined;
    peer.close();
    if (kill && performance.now() - this.#heardAt >= this.#patience) {
      const why = `no word within ${Math.round(this.#patience)} ms`;
      kill(peer.hello.pid, why);
      return this.#lost(`${peer.hello.worker}: ${why}`);
    }
    onTrouble?.(`no answer from ${peer.hello.worker}`);
    this.#patience = Math.min(this.#patience * 2, MOST_PATIENCE_MS);
    clearInterval(this.#watch);
    this.#peer = undefined;
    void this.#connect();
  }

  #lost(why: string): void {
    this.#peer = undefined;
    clearInterval(this.#watch);
    if (this.#closed) return;
    if (this.outstanding > 0) this.#options.onTrouble?.(why);
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    this.#alone = undefined;
    for (const entry of entries) entry.losses += 1;
    // The innocent first: they need not wait for suspects that are new.
    entries.sort((a, b) => Number(a.losses >= SUSPECT_LOSSES) - Number(b.losses >= SUSPECT_LOSSES));
    for (const entry of entries) this.#post(entry);
  }
}
