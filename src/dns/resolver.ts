/**
 * The resolver of a process: asks the servers, follows aliases, and remembers answers as long as they hold.
 *
 * One question that is asked many times at once goes out once. It never throws, never rejects, and never waits without end; it uses
 * neither the system's resolver nor the thread pool, so a dead domain holds up nothing but itself.
 */
import { SteadyClock } from '../base/steady-clock.ts';
import type { Answer, Question, RecordData, RecordType } from './answer.ts';
import { AnswerCache, type CacheLimits } from './answer-cache.ts';
import { Inquiry, type Limits } from './inquiry.ts';
import { judge, MAX_ALIASES } from './judge.ts';
import { canonicalName } from './name.ts';
import { Servers } from './servers.ts';

export interface ResolverOptions {
  /** `smtp.resolvers`. */
  readonly resolvers: readonly string[];
  /** `smtp.dnssec`: the word of the servers that they validated an answer is believed. */
  readonly dnssec: boolean;
  /** For tests; else the machine's, the monotonic clock, and the bounds that stand beside their use. */
  readonly resolvFile?: string | undefined;
  readonly ticks?: (() => number) | undefined;
  readonly limits?: Partial<Limits> | undefined;
  readonly cacheLimits?: Partial<CacheLimits> | undefined;
}

/** Least time for which an answer that holds at all is remembered, in ms: shorter ones would be asked for by every lane. */
const FLOOR_MS = 5000;
/** How long trouble is remembered, in ms, so that mail for a sick domain does not wait for it again and again. */
const TROUBLE_MS = 30_000;
/** After this time no further alias is followed, in ms: somebody waits for the answer. */
const ALIASES_MS = 20_000;

/** Since the start: queries sent, answers from memory, packets that answered nothing that was asked, and answers that were trouble. */
export interface ResolverFigures {
  readonly sent: number;
  readonly cached: number;
  readonly forged: number;
  readonly trouble: number;
}

export class DnsResolver {
  readonly #inquiry: Inquiry;
  readonly #cache: AnswerCache;
  readonly #underWay = new Map<string, Promise<Answer<unknown>>>();
  readonly #ticks: () => number;
  readonly #dnssec: boolean;
  #cached = 0;
  #trouble = 0;

  constructor({ resolvers, dnssec, resolvFile, ticks, limits, cacheLimits }: ResolverOptions) {
    const clock = new SteadyClock();
    this.#ticks = ticks ?? (() => clock.ticks());
    this.#dnssec = dnssec;
    const servers = new Servers({ configured: resolvers, file: resolvFile, ticks: this.#ticks });
    this.#inquiry = new Inquiry({ servers, dnssec, limits });
    this.#cache = new AnswerCache(this.#ticks, cacheLimits);
  }

  get figures(): ResolverFigures {
    return { ...this.#inquiry.figures, cached: this.#cached, trouble: this.#trouble };
  }

  /** Milliseconds for which an answer still holds. */
  holdsFor(answer: Answer<unknown>): number {
    return Math.max(0, answer.expires - this.#ticks());
  }

  /** The records of a type that a name has, through its aliases. */
  resolve<T extends RecordType>(name: string, type: T): Promise<Answer<RecordData[T]>>;
  async resolve(name: string, type: RecordType): Promise<Answer<unknown>> {
    const question = { name: canonicalName(name), type };
    const key = `${type} ${question.name}`;
    const known = this.#cache.get(key);
    if (known !== undefined) {
      this.#cached += 1;
      return known;
    }
    return this.#underWay.get(key) ?? this.#askOnce(key, question);
  }

  #askOnce(key: string, question: Question): Promise<Answer<unknown>> {
    const asking = this.#ask(question).then((answer) => {
      if (answer.kind === 'trouble') this.#trouble += 1;
      this.#cache.set(key, answer);
      this.#underWay.delete(key);
      return answer;
    });
    this.#underWay.set(key, asking);
    return asking;
  }

  /** Follows aliases whose target the server did not add. */
  async #ask(question: Question): Promise<Answer<unknown>> {
    let { name } = question;
    let secure = this.#dnssec;
    let ttl = Infinity;
    const patience = this.#ticks() + ALIASES_MS;
    for (let links = 0; links <= MAX_ALIASES;) {
      const inquired = await this.#inquiry.ask({ name, type: question.type });
      if (inquired.kind === 'no-name') return { kind: 'no-domain', expires: this.#expiry(0), secure: false };
      if (inquired.kind === 'failed') return this.#asTrouble(inquired.why, inquired.ours);
      const finding = judge(inquired.message, { name, type: question.type });
      if (finding.kind === 'trouble') return this.#asTrouble(finding.why);
      secure &&= inquired.message.authentic;
      ttl = Math.min(ttl, finding.ttl);
      const expires = this.#expiry(ttl);
      if (finding.kind === 'found') return { kind: 'found', value: finding.value, name: finding.name, secure, expires };
      if (finding.kind !== 'alias') return { kind: finding.kind, secure, expires };
      name = finding.name;
      links += finding.links;
      if (this.#ticks() > patience) return this.#asTrouble('its aliases take too long');
    }
    return this.#asTrouble('its aliases run in a circle, or are too many');
  }

  /** The machine's own trouble is not the domain's: it is not remembered. */
  #asTrouble(why: string, ours = false): Answer<never> {
    return { kind: 'trouble', why, expires: this.#ticks() + (ours ? 0 : TROUBLE_MS) };
  }

  /** An answer that holds no time serves those who asked already, and nobody else. */
  #expiry(ttl: number): number {
    return this.#ticks() + (ttl === 0 ? 0 : Math.max(ttl * 1000, FLOOR_MS));
  }
}
