/**
 * The desk of one router worker: takes `accepted` frames from peers, plans them, makes expansions durable, hands the
 * result to the scheduler, and answers `taken` only after the scheduler took it.
 *
 * It keeps nothing: what is in hand when it dies is handed on again by whoever sent it. What it holds at a time is
 * bounded; when full it stops reading, which the senders feel as back-pressure.
 */
import type { HandedOn, HandOn } from '../ipc/hand-on.ts';
import type { Accepted, Frame, Part } from '../ipc/messages.ts';
import type { Peer } from '../ipc/peer.ts';
import type { Logger } from '../log/logger.ts';
import { agesFrom } from '../mail/envelope.ts';
import type { Outcome } from '../mail/outcome.ts';
import type { Figures } from '../process/orders.ts';
import { parseHandle, type ParsedHandle } from '../queue/handle.ts';
import type { Handle, Store } from '../queue/store.ts';
import { EXPANDED, planMessage, type Plan, type PlanRules } from './plan.ts';

export interface DeskOptions {
  readonly store: Pick<Store, 'record'>;
  readonly handOn: Pick<HandOn, 'send' | 'outstanding'>;
  readonly log: Logger;
  /** Messages in hand at a time. */
  readonly limit: number;
  readonly onDone: () => void;
  /** How often senders hear that this worker does not hang while it has something in hand, in ms. */
  readonly beatMs?: number;
}

/** Well below the patience of senders (ipc/hand-on.ts). */
const BEAT_MS = 4000;

/** Parts that one log line names; it counts the others. */
const LOGGED_PARTS = 20;

export class Desk {
  readonly #rules: PlanRules;
  readonly #options: DeskOptions;
  readonly #peers = new Set<Peer>();
  readonly #beat: NodeJS.Timeout;
  #inHand = 0;
  /** Since the start: of those that came in and did not leave, each is in one of two hands. */
  #entered = 0;
  #expanding = 0;
  #paused = false;
  #draining = false;
  #routed = 0;
  #refused = 0;
  #onIdle: (() => void) | undefined;

  constructor(rules: PlanRules, options: DeskOptions) {
    this.#rules = rules;
    this.#options = options;
    this.#beat = setInterval(() => this.#tellAtWork(), options.beatMs ?? BEAT_MS).unref();
  }

  /** Figures for `mailfarm status`. */
  get figures(): Figures & { readonly busy: number; readonly refused: number } {
    return {
      busy: this.#inHand,
      routed: this.#routed,
      refused: this.#refused,
      entered: this.#entered,
      left: this.#routed,
      inHand: this.#expanding + this.#options.handOn.outstanding,
    };
  }

  /** Serves a peer until it goes. */
  serve(peer: Peer): void {
    this.#peers.add(peer);
    peer.onClose = (why) => {
      this.#peers.delete(peer);
      if (why.startsWith('bad frame')) this.#options.log.warn('bad-frame', { from: peer.hello.worker, why });
    };
    peer.onFrame = (frame) => this.#receive(peer, frame);
    if (this.#paused) peer.pause();
  }

  /** Stops reading and resolves when nothing is in hand any more. */
  async finish(): Promise<void> {
    this.#draining = true;
    this.#pause();
    if (this.#inHand > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    clearInterval(this.#beat);
  }

  #tellAtWork(): void {
    if (this.#inHand > 0) for (const peer of this.#peers) peer.send({ t: 'at-work' });
  }

  #receive(peer: Peer, frame: Frame): void {
    if (frame.t !== 'accepted') {
      if ('n' in frame) this.#refuse(peer, frame.n, `a router does not know ${frame.t}`);
      return;
    }
    const handle = parseHandle(frame.handle);
    if (handle === undefined) return this.#refuse(peer, frame.n, 'not a handle');
    this.#inHand += 1;
    this.#entered += 1;
    if (this.#inHand >= this.#options.limit) this.#pause();
    const plan = planMessage(frame.envelope, frame, this.#rules);
    if (plan.expansions.length === 0) this.#forward(peer, frame, handle, plan);
    else void this.#expand(peer, frame, handle, plan);
  }

  #refuse(peer: Peer, n: number, why: string): void {
    this.#refused += 1;
    this.#options.log.warn('refused', { from: peer.hello.worker, why });
    peer.send({ t: 'refused', n, why });
  }

  /**
   * What the aliases stand for is on disk before the handle goes on: the injector must find the same recipients.
   * The store waits for space on a full disk; another trouble is a broken disk, and ends this worker (rule 10).
   */
  async #expand(peer: Peer, frame: Accepted, handle: ParsedHandle, plan: Plan): Promise<void> {
    const at = Date.now();
    const outcomes = plan.expansions.map(({ alias, into, told }): Outcome => {
      const expanded = { recipients: [alias], at, into } as const;
      if (told !== true) return { state: 'expanded', ...expanded };
      return { state: 'succeeded', notice: 'expanded', reply: EXPANDED, ...expanded };
    });
    this.#expanding += 1;
    await this.#options.store.record(frame.handle as Handle, outcomes);
    this.#expanding -= 1;
    for (const { alias, into } of plan.expansions) {
      this.#options.log.info('expanded', {
        id: handle.id,
        alias,
        into: into.length,
        first: into.slice(0, LOGGED_PARTS),
      });
    }
    this.#forward(peer, frame, handle, plan);
  }

  #forward(peer: Peer, frame: Accepted, handle: ParsedHandle, plan: Plan): void {
    const { envelope } = frame;
    const parts = untilRelease(plan.parts, envelope.notBefore);
    const routed: HandedOn = {
      t: 'routed',
      handle: frame.handle,
      sender: envelope.sender,
      received: agesFrom(envelope),
      tenant: envelope.tenant,
      size: frame.size ?? handle.journal?.length ?? 0,
      ...(envelope.deliverBy && { by: envelope.deliverBy }),
      parts: frame.parts === undefined ? parts : [...frame.parts, ...markWarned(parts, frame.warned)],
      ...(frame.stays === true ? { stays: true } : {}),
      ...(frame.probe === true ? { probe: true } : {}),
      ...countExpansions(frame, plan),
    };
    // send() rejects never: it resolves when the scheduler took the message, or when it was held as poison.
    void this.#options.handOn.send(routed).then(() => {
      peer.send({ t: 'taken', n: frame.n });
      this.#done();
    });
    this.#logRouted(handle.id, plan);
  }

  #logRouted(id: string, plan: Plan): void {
    const shown = plan.parts.length > LOGGED_PARTS ? plan.parts.slice(0, LOGGED_PARTS) : plan.parts;
    const parts = shown.map(({ hop, to }) => ({ channel: hop.channel, next: hop.next, to: to.length }));
    const more = plan.parts.length - shown.length;
    this.#options.log.info('routed', more > 0 ? { id, parts, more } : { id, parts });
  }

  #done(): void {
    this.#inHand -= 1;
    this.#routed += 1;
    this.#options.onDone();
    if (this.#inHand === 0) this.#onIdle?.();
    // Half empty before reading on, so that a full desk does not stop and go for every message.
    if (this.#paused && !this.#draining && this.#inHand <= this.#options.limit / 2) this.#resume();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    for (const peer of this.#peers) peer.pause();
  }

  #resume(): void {
    this.#paused = false;
    for (const peer of this.#peers) peer.resume();
  }
}

/** What the sender wants to leave later waits for that; that an address is wrong he hears at once. */
function untilRelease(parts: Plan['parts'], notBefore: number | undefined): readonly Part[] {
  if (notBefore === undefined) return parts;
  return parts.map((part) => (part.hop.channel === 'bounce' ? part : { ...part, notBefore }));
}

/** Those of whose delay the sender was told already are parts of their own: he is told once. */
function markWarned(parts: readonly Part[], warned: readonly string[] = []): readonly Part[] {
  if (warned.length === 0) return parts;
  const told = new Set(warned);
  return parts.flatMap((part) => {
    const groups = [false, true].map((is) => ({ is, to: part.to.filter((address) => told.has(address) === is) }));
    return groups.flatMap(({ is, to }) => (to.length > 0 ? [{ ...part, to, ...(is ? { warned: true } : {}) }] : []));
  });
}

/** For the scheduler's books: aliases end here, and others stand in their place. */
function countExpansions(
  { envelope, only }: Accepted,
  { parts, expansions }: Plan,
): Partial<Pick<HandedOn & { t: 'routed' }, 'expanded' | 'made'>> {
  if (expansions.length === 0) return {};
  const asked = (only ?? envelope.recipients).length;
  const planned = parts.reduce((sum, { to }) => sum + to.length, 0);
  // An address that is asked for twice is planned once.
  // Those of whom a report is made are recipients of it until then.
  const expanded = expansions.filter(({ told }) => told !== true).length;
  return { expanded, made: Math.max(0, planned + expanded - asked) };
}
