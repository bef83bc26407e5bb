/**
 * Asks servers until one gives an answer of use: each of them, twice at most, the one that answered last before the others.
 *
 * Bounded: the questions under way, those that wait for their turn, and the time for each. It remembers no answers.
 */
import { randomInt } from 'node:crypto';
import type { NameServer } from '../config/name-server.ts';
import type { Question } from './answer.ts';
import type { Exchange, Heard } from './exchange.ts';
import type { Message } from './message.ts';
import { encodeQuery } from './query.ts';
import type { Servers } from './servers.ts';
import { askByTcp } from './tcp.ts';
import { Turns } from './turns.ts';
import { askByUdp } from './udp.ts';

export interface InquiryOptions {
  readonly servers: Servers;
  readonly dnssec: boolean;
  readonly limits?: Partial<Limits> | undefined;
}

/** Bounds of one process. */
export interface Limits {
  /** Time for one question to one server, in ms. */
  readonly questionMs: number;
  /** How often each server is asked. */
  readonly tries: number;
  /** Time for all tries with all servers, in ms. */
  readonly wholeMs: number;
  /** Questions under way, each with a descriptor of its own. */
  readonly atOnce: number;
  /** Questions that wait for their turn, and how long, in ms. */
  readonly waiting: number;
  readonly waitMs: number;
}

const LIMITS: Limits = { questionMs: 5000, tries: 2, wholeMs: 15_000, atOnce: 256, waiting: 10_000, waitMs: 10_000 };

/** `ours`: the fault is of this machine, or of how much it asks at the moment. */
export type Inquired =
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'failed'; readonly why: string; readonly ours: boolean }
  /** No name can be so. */
  | { readonly kind: 'no-name' };

const FORMAT_ERROR = 1;
const NOT_IMPLEMENTED = 4;
/** No error, or no such domain: all else another server may know better. */
const USEFUL: ReadonlySet<number> = new Set([0, 3]);

export class Inquiry {
  readonly #servers: Servers;
  readonly #dnssec: boolean;
  readonly #limits: Limits;
  readonly #turns: Turns;
  /** The server that answered last. */
  #good: string | undefined;
  #sent = 0;
  #forged = 0;

  constructor({ servers, dnssec, limits }: InquiryOptions) {
    this.#servers = servers;
    this.#dnssec = dnssec;
    this.#limits = { ...LIMITS, ...limits };
    this.#turns = new Turns(this.#limits.atOnce, this.#limits.waiting);
  }

  /** Queries sent, and packets that came and did not answer them, since the start. */
  get figures(): { readonly sent: number; readonly forged: number } {
    return { sent: this.#sent, forged: this.#forged };
  }

  /** Never rejects. */
  async ask(question: Question): Promise<Inquired> {
    const inquired = await this.#turns.run(this.#limits.waitMs, () => this.#askAll(question));
    return inquired ?? { kind: 'failed', why: 'too many questions are under way', ours: true };
  }

  async #askAll(question: Question): Promise<Inquired> {
    const deadline = performance.now() + this.#limits.wholeMs;
    const able = new Set(this.#inOrder());
    let last: Inquired = { kind: 'failed', why: 'no server', ours: false };
    for (let round = 0; round < this.#limits.tries; round += 1) {
      for (const server of able) {
        const now = performance.now();
        if (now >= deadline) return last;
        last = await this.#askOne(server, question, Math.min(now + this.#limits.questionMs, deadline));
        if (last.kind === 'no-name') return last;
        if (last.kind === 'failed') continue;
        if (USEFUL.has(last.message.code)) {
          this.#good = keyOf(server);
          return last;
        }
        // It will say the same again.
        able.delete(server);
      }
    }
    return last;
  }

  /** Where the server does not know EDNS, asks again without; not where that would hide that an answer is secure. */
  async #askOne(server: NameServer, question: Question, until: number): Promise<Inquired> {
    const first = await this.#exchange(server, question, { until, edns: true });
    if (first.kind !== 'message' || this.#dnssec) return first;
    const { code } = first.message;
    if (code !== FORMAT_ERROR && code !== NOT_IMPLEMENTED) return first;
    return this.#exchange(server, question, { until, edns: false });
  }

  async #exchange(
    server: NameServer,
    question: Question,
    { until, edns }: { readonly until: number; readonly edns: boolean },
  ): Promise<Inquired> {
    const expected = { ...question, id: randomInt(65_536) };
    const query = encodeQuery({ ...expected, edns, dnssec: this.#dnssec });
    if (query === undefined) return { kind: 'no-name' };
    const onForeign = (): void => void (this.#forged += 1);
    const exchange: Exchange = { server, query, expected, until, onForeign };
    this.#sent += 1;
    const short = await askByUdp(exchange);
    const heard: Heard = short.kind === 'truncated' ? await askByTcp(exchange) : short;
    return heard.kind === 'truncated'
      ? { kind: 'failed', why: 'the answer is cut off by TCP too', ours: false }
      : heard;
  }

  #inOrder(): readonly NameServer[] {
    const servers = this.#servers.current();
    const at = servers.findIndex((server) => keyOf(server) === this.#good);
    return at <= 0 ? servers : [...servers.slice(at), ...servers.slice(0, at)];
  }
}

function keyOf({ host, port }: NameServer): string {
  return `${host} ${port}`;
}
