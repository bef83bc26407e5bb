/**
 * Tells the scheduler of closed journal segments, so that they can be settled and removed.
 *
 * A notice is a hint: the injector of the next start finds every segment. So few are kept, and each is tried for a bounded time.
 */
import { pause } from '../base/deadline.ts';
import { errorText } from '../base/text.ts';
import type { IpcTls } from '../ipc/address.ts';
import { connectPeer } from '../ipc/connect.ts';
import type { Hello } from '../ipc/messages.ts';
import type { Logger } from '../log/logger.ts';

export interface SegmentNotice {
  readonly segment: string;
  readonly total: number;
  readonly finished: readonly number[];
}

export interface SegmentNoticesOptions {
  /** Socket of the scheduler. */
  readonly address: string;
  readonly self: Hello;
  readonly tls?: IpcTls | undefined;
  readonly log: Logger;
}

const MAX_WAITING = 1000;
const ATTEMPTS = 10;
const CONNECT_MS = 2000;
const ANSWER_MS = 5000;
const RETRY_MS = 1000;

export class SegmentNotices {
  readonly #options: SegmentNoticesOptions;
  #waiting: SegmentNotice[] = [];
  #sending: Promise<void> | undefined;

  constructor(options: SegmentNoticesOptions) {
    this.#options = options;
  }

  /** Sends it in the background. */
  post(notice: SegmentNotice): void {
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push(notice);
    this.#sending ??= this.#sendAll().finally(() => (this.#sending = undefined));
  }

  /** Resolves when all are sent or given up. */
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
    this.#waiting = [];
  }

  async #sendOverOneConnection(): Promise<void> {
    const { address, self, tls } = this.#options;
    const peer = await connectPeer({ address, self, tls, deadlineMs: CONNECT_MS });
    try {
      for (let notice = this.#waiting[0]; notice !== undefined; notice = this.#waiting[0]) {
        const { segment, total, finished } = notice;
        await peer.request({ t: 'segment', segment, total, ...(finished.length > 0 && { finished }) }, ANSWER_MS);
        this.#waiting.shift();
      }
    } finally {
      peer.close();
    }
  }
}
