/**
 * Tells the scheduler which journal segments this process closed, so that they are settled and removed in time. Notices wait
 * while the scheduler is away; those that are lost with this process are made good by the injector.
 *
 * A notice is sent when the log has the lines of this process so far: it lets the segment go, and a segment is where the
 * injector finds what the log of a dead process lacks.
 */
import { pause } from '../base/deadline.ts';
import { errorText } from '../base/text.ts';
import type { Logger } from '../log/logger.ts';
import type { IpcTls } from './address.ts';
import { connectPeer } from './connect.ts';
import type { Hello } from './messages.ts';
import type { Peer } from './peer.ts';

export interface SegmentNoticesOptions {
  /** Socket of the scheduler. */
  readonly address: string;
  readonly self: Hello;
  readonly tls?: IpcTls | undefined;
  readonly log: Pick<Logger, 'debug' | 'flush'>;
}

interface Notice {
  readonly segment: string;
  readonly total: number;
  readonly finished: readonly number[];
}

/** Segments are sealed on disk: the injector of the next start finds those whose notice had no room here. */
const MAX_WAITING = 1000;
const ANSWER_MS = 5000;
/**
 * For the scheduler to greet. One that died starts only when those that worked for it are gone: a worker that ends and waits
 * for it longer waits for itself, and all mail with it.
 */
const GREETING_MS = 2000;
const RETRY_MS = 1000;
/** How often the log is waited for, and how long each time, in ms: it must not keep segments for ever. */
const LOG_TRIES = 30;
const LOG_MS = 1000;

export class SegmentNotices {
  readonly #options: SegmentNoticesOptions;
  readonly #waiting: Notice[] = [];
  #sending: Promise<void> | undefined;
  #until = Infinity;

  constructor(options: SegmentNoticesOptions) {
    this.#options = options;
  }

  /** Sends it in the background. Fits Store's onSegmentClosed. */
  readonly post = (segment: string, total: number, finished: readonly number[]): void => {
    if (this.#waiting.length >= MAX_WAITING) this.#waiting.shift();
    this.#waiting.push({ segment, total, finished });
    this.#sending ??= this.#sendAll().finally(() => (this.#sending = undefined));
  };

  /**
   * Resolves when all are sent, soon after the deadline (ms since 1970), or when nobody greets: a scheduler that is away finds them at
   * its start, and may wait for our end.
   */
  async settle(deadline: number): Promise<void> {
    this.#until = deadline;
    // A command at its end may have nothing else that keeps the process.
    const hold = setTimeout(() => undefined, Math.max(0, deadline - Date.now()));
    await this.#sending;
    clearTimeout(hold);
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0 && Date.now() < this.#until) {
      let greeted = false;
      try {
        const peer = await this.#connect();
        greeted = true;
        await this.#sendOver(peer);
      } catch (error) {
        this.#options.log.debug('segment-notice', { why: errorText(error), waiting: this.#waiting.length });
        if (!greeted && this.#until !== Infinity) return;
        await pause(RETRY_MS, { unref: true });
      }
    }
  }

  get #answerMs(): number {
    return Math.max(1, Math.min(ANSWER_MS, this.#until - Date.now()));
  }

  #connect(): Promise<Peer> {
    const { address, self, tls } = this.#options;
    return connectPeer({ address, self, tls, deadlineMs: Math.min(this.#answerMs, GREETING_MS) });
  }

  async #logged(): Promise<void> {
    for (let tries = 0; tries < LOG_TRIES; tries += 1) {
      const left = this.#until - Date.now();
      if (left <= 0 || (await this.#options.log.flush(Math.min(LOG_MS, left / 2)))) return;
    }
  }

  async #sendOver(peer: Peer): Promise<void> {
    try {
      for (let notice = this.#waiting[0]; notice !== undefined; notice = this.#waiting[0]) {
        const { finished, ...closed } = notice;
        await this.#logged();
        const list = finished.length > 0 ? { finished } : {};
        await peer.request({ t: 'segment', ...closed, ...list }, this.#answerMs);
        if (this.#waiting[0] === notice) this.#waiting.shift();
      }
    } finally {
      peer.close();
    }
  }
}
