/**
 * The clients of a drill: a few sessions that send numbered messages at an even rate, and keep their side of the ledger.
 *
 * They do what clients do: what was refused for now, or died before its content was on the way, is sent again; what died
 * later is in doubt and is left alone, so that a double is never our own.
 */
import { MailSession, openMailSession, type SendResult } from '../../../client/mail-session.ts';
import type { Endpoint } from '../../../client/endpoint.ts';
import { drillAddress } from '../../../mail/drill-address.ts';
import type { DrillLedger } from './ledger.ts';
import { makeDrillMessage } from './message.ts';
import type { DrillPlan } from './options.ts';
import { rest } from './rest.ts';

export interface SenderOptions {
  readonly run: string;
  readonly to: Endpoint;
  readonly name: string;
  readonly plan: Pick<DrillPlan, 'forMs' | 'rate' | 'messages' | 'sessions' | 'size'>;
  readonly ledger: DrillLedger;
  readonly stop: AbortSignal;
}

/** For the connection and for each answer: a worker that is replaced is back long before. */
const ANSWER_MS = 60_000;
const AGAIN_MS = 100;
/** What is tried again when the time for sending is over gets so long. */
const LAST_TRIES_MS = 15_000;
/** A session sends so many messages before the next one is opened: new sessions meet new workers. */
const PER_SESSION = 50;

/** Resolves with how many messages were begun. */
export async function sendDrillMail(options: SenderOptions): Promise<number> {
  const begun = performance.now();
  const { plan } = options;
  const numbers = new Numbers(plan, begun);
  const until = begun + plan.forMs + LAST_TRIES_MS;
  await Promise.all(Array.from({ length: plan.sessions }, () => new Client(options, until).sendAll(numbers)));
  return numbers.given;
}

/** Gives out numbers, each with the time at which it is due. */
class Numbers {
  given = 0;
  readonly #plan: SenderOptions['plan'];
  readonly #begun: number;

  constructor(plan: SenderOptions['plan'], begun: number) {
    this.#plan = plan;
    this.#begun = begun;
  }

  /** Undefined when all are sent, or the time is over. */
  take(): { readonly number: number; readonly due: number } | undefined {
    const { messages, forMs, rate } = this.#plan;
    const due = this.#begun + (this.given * 1000) / rate;
    const over = Math.max(due, performance.now()) > this.#begun + forMs;
    if (this.given >= messages || over) return undefined;
    this.given += 1;
    return { number: this.given, due };
  }
}

/** One client with one session at a time. */
class Client {
  readonly #options: SenderOptions;
  readonly #until: number;
  #session: MailSession | undefined;
  #sent = 0;

  constructor(options: SenderOptions, until: number) {
    this.#options = options;
    this.#until = until;
  }

  async sendAll(numbers: Numbers): Promise<void> {
    const { stop } = this.#options;
    for (let next = numbers.take(); next !== undefined && !stop.aborted; next = numbers.take()) {
      await rest(Math.max(0, next.due - performance.now()), stop);
      await this.#sendOne(next.number);
    }
    this.#session?.quit();
  }

  async #sendOne(number: number): Promise<void> {
    const { run, plan, ledger, stop } = this.#options;
    const content = makeDrillMessage({ run, number, size: plan.size });
    while (!stop.aborted && performance.now() < this.#until) {
      const result = await this.#try(content);
      if (result.kind === 'accepted') return ledger.accept(number, performance.now(), queueId(result.text));
      this.#session = undefined;
      if (result.kind === 'lost' && result.begun) return ledger.doubt(number);
      if (result.kind === 'refused' && result.code >= 500)
        return ledger.refuse(number, `${result.code} ${result.text}`);
      ledger.setbacks += 1;
      await rest(AGAIN_MS, stop);
    }
  }

  async #try(content: Buffer): Promise<SendResult> {
    const { run, to, name } = this.#options;
    if (this.#sent >= PER_SESSION) {
      this.#session?.quit();
      this.#session = undefined;
    }
    if (this.#session === undefined) {
      const opened = await openMailSession({ to, name, deadlineMs: ANSWER_MS });
      if (!(opened instanceof MailSession)) return opened;
      this.#session = opened;
      this.#sent = 0;
    }
    this.#sent += 1;
    // The null sender: nothing that becomes of it is ever reported to anybody.
    return this.#session.send('', drillAddress(run), content);
  }
}

/** The id in `2.0.0 Ok: queued as ID`. */
function queueId(text: string): string | undefined {
  return /\bqueued as ([0-9a-z]{19})\b/.exec(text)?.[1];
}
