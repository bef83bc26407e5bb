/**
 * Asks the filter farm for verdicts. Whatever goes wrong there (no worker, a crash, a hang, an answer out of order) is the
 * value `failed`: the client of the message then hears 451 and keeps it. A message is never asked about twice: one that
 * crashes filters must not go through them all.
 */
import { DeadlineExceeded } from '../base/deadline.ts';
import { errorText } from '../base/text.ts';
import type { IpcTls } from '../ipc/address.ts';
import { connectPeer } from '../ipc/connect.ts';
import type { Check, Hello, Verdict } from '../ipc/messages.ts';
import type { Peer } from '../ipc/peer.ts';

export interface FilterClientOptions {
  readonly address: string;
  readonly self: Hello;
  readonly tls?: IpcTls | undefined;
  /** For the whole verdict, finding a worker included. */
  readonly timeoutMs: number;
  /** Connections at a time: the kernel spreads them over the workers. */
  readonly most: number;
  /** Nobody greets: asks the supervisor for a worker. */
  readonly wake: () => void;
  /** A worker overran the deadline. */
  readonly kill: (pid: number, why: string) => void;
}

export type FilterAnswer = Verdict | { readonly t: 'failed'; readonly why: string };

interface Line {
  readonly peer: Promise<Peer>;
  inHand: number;
  /** When its worker last gave a verdict; monotonic, in ms. */
  answeredAt: number;
  /** Its worker ends: nothing new over this line, and it is closed with its last answer. */
  leaving: boolean;
}

export class FilterClient {
  readonly #options: FilterClientOptions;
  readonly #lines = new Set<Line>();

  constructor(options: FilterClientOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async check(what: Omit<Check, 't' | 'n'>): Promise<FilterAnswer> {
    const until = performance.now() + this.#options.timeoutMs;
    const line = this.#pickLine();
    line.inHand += 1;
    let peer: Peer | undefined;
    let asked = until;
    try {
      peer = await line.peer;
      asked = performance.now();
      const answer = await peer.request({ t: 'check', ...what }, Math.max(1, until - performance.now()));
      line.answeredAt = performance.now();
      if (answer.t === 'verdict') return answer;
      return failed(answer.t === 'refused' ? answer.why : `a filter answered ${answer.t}`);
    } catch (error) {
      // A worker that answered others meanwhile is busy, not stuck.
      const stuck = error instanceof DeadlineExceeded && line.answeredAt < asked;
      if (stuck && peer !== undefined && performance.now() - asked >= this.#options.timeoutMs / 2) {
        this.#options.kill(peer.hello.pid, `no verdict within ${this.#options.timeoutMs} ms`);
      }
      return failed(errorText(error));
    } finally {
      line.inHand -= 1;
      if (line.leaving && line.inHand === 0) peer?.close();
    }
  }

  close(): void {
    for (const line of this.#lines) {
      line.peer.then(
        (peer) => peer.close(),
        () => {
          // Never connected: nothing to close.
        },
      );
    }
  }

  /** A line without work, or a new one, or the one with the least. */
  #pickLine(): Line {
    let best: Line | undefined;
    for (const line of this.#lines) if (best === undefined || line.inHand < best.inHand) best = line;
    if (best !== undefined && (best.inHand === 0 || this.#lines.size >= this.#options.most)) return best;
    return this.#openLine();
  }

  #openLine(): Line {
    const { address, self, tls, timeoutMs, wake } = this.#options;
    const peer = connectPeer({ address, self, tls, deadlineMs: timeoutMs, onWait: wake });
    const line: Line = { peer, inHand: 0, answeredAt: 0, leaving: false };
    this.#lines.add(line);
    const drop = (): boolean => this.#lines.delete(line);
    peer.then((open) => {
      if (open.closed) drop();
      open.onClose = drop;
      open.onFrame = (frame) => {
        if (frame.t !== 'leaving') return;
        drop();
        line.leaving = true;
        if (line.inHand === 0) open.close();
      };
    }, drop);
    return line;
  }
}

function failed(why: string): FilterAnswer {
  return { t: 'failed', why };
}
