/** Asks a worker of the smtp farm to which sites next hops lead, over one connection that is no lane. */
import { connectPeer, type ConnectOptions } from '../ipc/connect.ts';
import { PeerGone, type Peer } from '../ipc/peer.ts';
import type { SiteAnswer } from './sites.ts';

/** For the worker to greet, and for DNS: longer than it tries two servers twice. */
const CONNECT_MS = 10_000;
const ANSWER_MS = 30_000;

export class SiteAsker {
  readonly #connect: Omit<ConnectOptions, 'deadlineMs'>;
  #peer: Promise<Peer> | undefined;
  #closed = false;

  constructor(connect: Omit<ConnectOptions, 'deadlineMs'>) {
    this.#connect = connect;
  }

  /** Rejects when no worker answers in time. */
  readonly ask = async (next: string): Promise<SiteAnswer> => {
    try {
      return await this.#askOnce(next);
    } catch (error) {
      // That worker just ended: another one can tell.
      if (error instanceof PeerGone && !this.#closed) return this.#askOnce(next);
      throw error;
    }
  };

  close(): void {
    this.#closed = true;
    void this.#peer?.then(
      (peer) => peer.close(),
      () => undefined,
    );
  }

  async #askOnce(next: string): Promise<SiteAnswer> {
    if (this.#closed) throw new PeerGone('closed');
    this.#peer ??= this.#open();
    const peer = await this.#peer;
    const answer = await peer.request({ t: 'site?', next }, ANSWER_MS);
    if (answer.t !== 'site') throw new TypeError(`the worker answered ${answer.t}`);
    const { site, ttl } = answer;
    return { ttl, ...(site === undefined ? {} : { site }) };
  }

  async #open(): Promise<Peer> {
    try {
      const peer = await connectPeer({ ...this.#connect, deadlineMs: CONNECT_MS });
      peer.onClose = () => (this.#peer = undefined);
      peer.onFrame = (frame) => {
        // Its worker ends: the next question goes to another one.
        if (frame.t === 'leaving') peer.close();
      };
      return peer;
    } catch (error) {
      this.#peer = undefined;
      throw error;
    }
  }
}
