/**
 * One connection from the scheduler: a lane. It gets one hop, then jobs, works them one after another and answers each when
 * its outcomes are durable; the next job is at work meanwhile, and may begin while the next hop still owes its answer to one.
 *
 * States: waiting for `open` → open → stopping → ended. It never starts a job after the scheduler is gone or a stop was
 * ordered: what is not answered goes to somebody else. What breaks the protocol ends the lane and nothing else.
 */
import { withDeadline } from '../base/deadline.ts';
import { errorText } from '../base/text.ts';
import type { Frame, Job, OpenLane, SiteRequest } from '../ipc/messages.ts';
import type { Peer } from '../ipc/peer.ts';
import type { Logger } from '../log/logger.ts';
import type { Channel, Hop, Outcome } from '../mail/outcome.ts';
import { parseHandle } from '../queue/handle.ts';
import type { Handle, ReadResult, Store, StoredMessage } from '../queue/store.ts';
import { classified, type GiveClass } from './classes.ts';
import type { Deliverer, DeliveryResult } from './deliverer.ts';
import { logFields, toOutcome } from './outcomes.ts';
import { reply, verdictOf } from './replies.ts';
import type { TellSite } from './site-desk.ts';

/** How often the scheduler hears that a long job is no hung one, in ms: several times in the hour that it waits for a word. */
const BEAT_MS = 5 * 60_000;
/** Jobs that may wait: the most that lanes.depth may be. */
const MAX_WAITING = 100;
/** What a delivery under way gets when the scheduler is gone, in ms: a new one waits for our end. */
const ORPHAN_MS = 30_000;
/** What outcomes on their way to disk get beyond the deadline, in ms. */
const COMMIT_MS = 1000;

export interface LaneOptions {
  readonly peer: Pick<Peer, 'send' | 'close' | 'closed' | 'onFrame' | 'onClose'>;
  readonly channel: Channel;
  readonly store: Pick<Store, 'read' | 'record' | 'moveToTree'>;
  readonly log: Logger;
  /** config.retry.times, in ms. */
  readonly times: readonly number[];
  readonly makeDeliverer: (hop: Hop) => Deliverer;
  /** Answers for connections that are no lanes; absent: nobody is to ask. */
  readonly tellSite?: TellSite;
  readonly giveClass: GiveClass;
  /** After each job. */
  readonly onJob?: () => void;
  /** Jobs that were taken, and those of them that were answered, by all lanes of the worker. */
  readonly passed?: { entered: number; left: number };
  /** The disk broke in a way that this process had better not outlive. */
  readonly onBroken: (error: unknown) => void;
  readonly onEnd?: () => void;
  readonly beatMs?: number;
}

export class Lane {
  readonly #options: LaneOptions;
  readonly #waiting: Job[] = [];
  /** Outcomes on their way to disk. */
  readonly #commits = new Set<Promise<void>>();
  #hop: Hop | undefined;
  #deliverer: Deliverer | undefined;
  /** The deadline of its end passed: what is under way was told so. */
  #late = false;
  /** Jobs at work. */
  readonly #underWay = new Set<Promise<void>>();
  #working: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  readonly #beat: NodeJS.Timeout;

  constructor(options: LaneOptions) {
    this.#options = options;
    const { peer } = options;
    // After a bad frame the scheduler lives, and gives the jobs out again at once.
    peer.onClose = (why) => void this.stop(Date.now() + (why.startsWith('bad frame') ? 0 : ORPHAN_MS));
    peer.onFrame = (frame) => this.#receive(frame);
    this.#beat = setInterval(() => this.#tellAtWork(), options.beatMs ?? BEAT_MS).unref();
  }

  /** Jobs that were taken and are not answered. */
  get inHand(): number {
    return this.#waiting.length + this.#underWay.size + this.#commits.size;
  }

  /** A job is at work, or its outcome on the way to disk. */
  get busy(): boolean {
    return this.#working !== undefined || this.#underWay.size > 0 || this.#commits.size > 0;
  }

  /**
   * Outcomes wait for a disk that takes them, for as long as that is full: what was delivered must not be taken for lost. Or the next
   * hop is slow. A lane that waits for what has no limit says nothing.
   */
  #tellAtWork(): void {
    if (this.#commits.size > 0 || this.#deliverer?.bounded === true) this.#options.peer.send({ t: 'at-work' });
  }

  /** Finishes the job at hand, at most until the deadline (ms since 1970), and ends the lane. */
  stop(deadline: number): Promise<void> {
    this.#ending ??= this.#end(deadline);
    return this.#ending;
  }

  #receive(frame: Frame): void {
    if (this.#ending) {
      if (frame.t === 'job') this.#refuse(frame);
      return;
    }
    if (frame.t === 'open' && this.#hop === undefined) return this.#open(frame);
    if (frame.t === 'site?' && this.#options.tellSite) return void this.#tellSite(frame, this.#options.tellSite);
    if (frame.t === 'job' && this.#hop !== undefined && this.#waiting.length < MAX_WAITING) return this.#take(frame);
    this.#breach(`unexpected ${frame.t}`);
  }

  #open({ hop }: OpenLane): void {
    if (hop.channel !== this.#options.channel) return this.#breach(`lane for ${hop.channel}`);
    this.#hop = hop;
  }

  async #tellSite({ n, next }: SiteRequest, tell: TellSite): Promise<void> {
    this.#options.peer.send({ t: 'site', n, ...(await tell(next)) });
  }

  /** The connection is the lease: it stays until nothing is at work, or its jobs had two owners. */
  #breach(why: string): void {
    this.#options.log.error('lane', { why });
    void this.stop(Date.now());
  }

  #take(job: Job): void {
    if (this.#options.passed) this.#options.passed.entered += 1;
    this.#waiting.push(job);
    this.#working ??= this.#work().finally(() => (this.#working = undefined));
  }

  async #work(): Promise<void> {
    for (let job = this.#next(); job !== undefined; job = this.#next()) await this.#begin(job);
  }

  /** Resolves when the next job may begin: at the end of this one, or when its channel says so. */
  #begin(job: Job): Promise<void> {
    return new Promise((goOn) => {
      const work = this.#do(job, goOn)
        .catch(this.#options.onBroken)
        .finally(() => {
          this.#underWay.delete(work);
          this.#options.onJob?.();
          goOn();
        });
      this.#underWay.add(work);
    });
  }

  #next(): Job | undefined {
    return this.#ending ? undefined : this.#waiting.shift();
  }

  async #do(job: Job, next: () => void): Promise<void> {
    const { log, peer } = this.#options;
    if (parseHandle(job.handle) === undefined) {
      this.#leaves();
      return this.#breach('a handle that is none');
    }
    const found = await this.#read(job.handle as Handle);
    if (found.kind === 'unreadable') {
      this.#putOff(job, found.why);
    } else if (found.kind === 'missing') {
      log.warn('missing', { handle: job.handle, to: job.to });
      peer.send({ t: 'done', n: job.n, outcomes: [] });
      this.#leaves();
    } else if (found.kind === 'corrupt') {
      log.error('corrupt', { handle: job.handle, to: job.to, why: found.why });
      const why = `the message in the queue is damaged: ${found.why}`;
      this.#commit(job, {
        outcomes: [{ state: 'held', recipients: job.to, at: Date.now(), attempts: job.attempts, why }],
      });
    } else {
      await this.#deliver(job, found.message, next);
    }
  }

  /** Trouble with the disk says nothing about the message: it waits. */
  async #read(handle: Handle): Promise<ReadResult | { readonly kind: 'unreadable'; readonly why: string }> {
    try {
      return await this.#options.store.read(handle);
    } catch (error) {
      return { kind: 'unreadable', why: errorText(error) };
    }
  }

  #putOff(job: Job, why: string): void {
    const { log, times } = this.#options;
    log.error('unreadable', { handle: job.handle, to: job.to, why });
    if (this.#hop === undefined) return;
    const hop = job.next === undefined ? this.#hop : { ...this.#hop, next: job.next };
    const trouble = this.#options.giveClass(
      reply({ code: 451, status: '4.3.0', text: 'the queue cannot be read, see the log' }),
    );
    if (changesNothing(job)) return this.#commit(job, { outcomes: [], trouble });
    // What is to be reported stays the reason: after a restart these outcomes are all that knows it.
    const reasons = job.failures ?? [{ to: job.to, reply: trouble }];
    const outcomes = reasons.map(({ to, reply: reason }) =>
      toOutcome({ state: 'deferred', recipients: to, reply: reason }, { job, hop, times }),
    );
    this.#commit(job, { outcomes, ...(job.failures && { trouble }) });
  }

  async #deliver(job: Job, message: StoredMessage, next: () => void): Promise<void> {
    const { log, times } = this.#options;
    const lane = this.#hop;
    if (lane === undefined) return;
    // It was still being read when the others were cut short: nobody would do that to it.
    if (this.#late) return this.#returnJob(job);
    const hop = job.next === undefined ? lane : { ...lane, next: job.next };
    const started = Date.now();
    const result = classified(await this.#attempt(job, { message, hop: lane, next }), this.#options.giveClass);
    const ms = Date.now() - started;
    const event = hop.channel !== 'bounce' ? 'attempt' : isNotice(job) ? 'notified' : 'bounced';
    for (const verdict of result.verdicts) log.info(event, logFields(message.id, verdict, hop, ms));
    const outcomes = result.verdicts.map((verdict) => toOutcome(verdict, { job, hop, times }));
    this.#commit(job, { ...result, outcomes });
  }

  /** A bug in a channel costs its message an attempt, not the other lanes of this process their work. */
  async #attempt(
    job: Job,
    { message, hop, next }: { readonly message: StoredMessage; readonly hop: Hop; readonly next: () => void },
  ): Promise<DeliveryResult> {
    try {
      this.#deliverer ??= this.#options.makeDeliverer(hop);
      return await this.#deliverer.deliver(job, message, next);
    } catch (error) {
      const stack = error instanceof Error ? error.stack : undefined;
      this.#options.log.error('bug', { id: message.id, why: errorText(error), stack });
      await this.#deliverer?.close();
      this.#deliverer = undefined;
      const why = reply({ code: 451, status: '4.3.0', text: 'internal error, see the log' });
      return { verdicts: changesNothing(job) ? [] : [verdictOf(job.to, why)], trouble: why };
    }
  }

  #commit(job: Job, result: Omit<DeliveryResult, 'verdicts'> & { readonly outcomes: readonly Outcome[] }): void {
    const commit = this.#makeDurable(job, result)
      .catch(this.#options.onBroken)
      .finally(() => this.#commits.delete(commit));
    this.#commits.add(commit);
  }

  async #makeDurable(
    job: Job,
    result: Omit<DeliveryResult, 'verdicts'> & { readonly outcomes: readonly Outcome[] },
  ): Promise<void> {
    const { outcomes, trouble, elsewhere, whenDurable } = result;
    const moved = outcomes.some(({ state }) => state === 'deferred') && (await this.#moveToTree(job.handle as Handle));
    if (outcomes.length > 0) await this.#options.store.record(job.handle as Handle, outcomes);
    const more = { ...(trouble && { trouble }), ...(elsewhere && { elsewhere }), ...(moved && { moved }) };
    this.#options.peer.send({ t: 'done', n: job.n, outcomes, ...more });
    await whenDurable?.();
    this.#leaves();
  }

  /** What stays needs its own file. Where there is no room for it now, the journal keeps it, and it is moved another time. */
  async #moveToTree(handle: Handle): Promise<boolean> {
    try {
      return await this.#options.store.moveToTree(handle);
    } catch (error) {
      this.#options.log.error('unmoved', { handle, why: errorText(error) });
      return false;
    }
  }

  async #end(deadline: number): Promise<void> {
    this.#options.peer.send({ t: 'leaving' });
    for (const job of this.#waiting) this.#returnJob(job);
    this.#waiting.length = 0;
    await this.#finishWork(deadline);
    await this.#deliverer?.close();
    const left = Math.max(deadline - Date.now(), COMMIT_MS);
    await withDeadline(Promise.all(this.#commits), left, 'outcomes').catch((error: unknown) => {
      this.#options.log.error('unrecorded', { why: errorText(error) });
    });
    clearInterval(this.#beat);
    this.#options.peer.close();
    this.#options.onEnd?.();
  }

  #returnJob(job: Job): void {
    this.#refuse(job);
    this.#leaves();
  }

  #leaves(): void {
    if (this.#options.passed) this.#options.passed.left += 1;
  }

  #refuse({ n }: Job): void {
    this.#options.peer.send({ t: 'refused', n, why: 'this worker ends' });
  }

  async #finishWork(deadline: number): Promise<void> {
    if (this.#working === undefined && this.#underWay.size === 0) return;
    const cutShort = (): void => {
      this.#late = true;
      void this.#deliverer?.close();
    };
    const timer = setTimeout(cutShort, Math.max(0, deadline - Date.now()));
    await this.#working;
    await Promise.all(this.#underWay);
    clearTimeout(timer);
  }
}

/** A report of good news. */
function isNotice({ kind }: Job): boolean {
  return kind !== undefined && kind !== 'failed' && kind !== 'delayed';
}

/** A report that, when it cannot be made, leaves its recipients what they are: only those of a failure may be put off. */
function changesNothing(job: Job): boolean {
  return job.kind === 'delayed' || isNotice(job);
}
