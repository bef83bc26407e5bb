/**
 * Tells the scheduler of closed journal segments, so that it can have them settled and removed. A notice is a hint: when it
 * is lost, the injector of the next start finds the segment. So it is tried for a bounded time, and only so many wait.
 */
import { errorText } from '../base/text.ts';
import { pause } from '../base/deadline.ts';
import type { IpcTls } from '../ipc/address.ts';
import { connectPeer } from '../ipc/connect.ts';
import type { Hello } from '../ipc/messages.ts';
import type { Peer } from '../ipc/peer.ts';
import type { Logger } from '../log/logger.ts';

export interface SegmentNoticesOptions {
  readonly address: string;
  readonly self: Hello;
  readonly tls?: IpcTls | undefined;
  readonly log: Logger;
  readonly wake: () => void;
}

interface Notice {
  readonly segment: string;
  readonly total: number;
  readonly finished: readonly number[];
}

const MAX_WAITING = 1000;
const ATTEMPTS = 10;
const CONNECT_MS = 2000;
const ANSWER_MS = 5000;
const RETRY_MS = 1000;

export class SegmentNotices {
  readonly #options: SegmentNoticesOptions;
  readonly #waiting: Notice[] = [];
  #sending: Promise<void> | undefined;

  constructor(options: SegmentNoticesOptions) {
    this.#options = options;
  }

  /** Sends it in the background. */
  post(notice: Notice): void {
    if (this.#waiting.length >= MAX_WAITING) this.#waiting.shift();
    this.#waiting.push(notice);
    this.#sending ??= this.#sendAll().finally(() => (this.#sending = undefined));
  }

  /** Resolves when all notices are sent or given up. */
  async settle(): Promise<void> {
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS && this.#waiting.length > 0; attempt += 1) {
      try {
        await this.#sendOverOneConnection();
      } catch (error) {
        this.#options.log.debug('segment-notice', { why: errorText(error), waiting: this.#waiting.length });
        await pause(RETRY_MS, { unref: true });
      }
    }
    this.#waiting.length = 0;
  }

  async #sendOverOneConnection(): Promise<void> {
    const { address, self, tls, wake } = this.#options;
    const peer: Peer = await connectPeer({ address, self, tls, deadlineMs: CONNECT_MS, onWait: wake });
    try {
      for (let notice = this.#waiting[0]; notice !== undefined; notice = this.#waiting[0]) {
        const { segment, total, finished } = notice;
        const list = finished.length > 0 ? { finished } : {};
        await peer.request({ t: 'segment', segment, total, ...list }, ANSWER_MS);
        this.#waiting.shift();
      }
    } finally {
      peer.close();
    }
  }
}
