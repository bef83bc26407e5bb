/**
 * Delivers over SMTP or LMTP sessions: one session for all jobs of a lane, many recipients in a transaction.
 *
 * States: no session → session (idle, in use) → no session. A session kept from an earlier job is verified by using it: if it
 * turns out to be dead before any content left, the job gets one fresh session at once, and that is not an attempt of its own.
 * Content is never sent again after its end mark was: what became of it is asked of the next attempt.
 *
 * Where the next hop offers PIPELINING, and has taken more than one message over the session, the envelope of the next job leaves
 * with the content of this one (RFC 2920), which halves the writes and reads of a message. A next hop that lost a connection, or an
 * answer, in such a moment is not asked for it again; what had not left by then goes over a fresh session.
 */
import type { Job } from '../../../ipc/messages.ts';
import type { Notice, Reply } from '../../../mail/outcome.ts';
import type { StoredMessage } from '../../../queue/store.ts';
import type { Deliverer, DeliveryResult, RecipientVerdict } from '../../deliverer.ts';
import { mergeVerdicts, reply, verdictOf } from '../../replies.ts';
import { owingSuccess } from '../../success.ts';
import { rcptParameters } from './dsn-parameters.ts';
import { isOutOfStep, isStale, judge, type Judgement } from './judge.ts';
import { readStart, screenAddresses, screenForSession } from './screen.ts';
import type { Session } from './session.ts';
import type { Transcript } from './transcript.ts';

/** Recipients of one transaction: what every server must take (RFC 5321 section 4.5.3.1.8). */
const MAX_RECIPIENTS = 100;
/** After this time in one job no further transaction is begun, in ms: other mail has its turn. */
const MAX_JOB_MS = 10 * 60_000;

/** A session, or why there is none: `trouble` when that is so for the whole next hop. */
export type Opened = Session | { readonly reply: Reply; readonly trouble: boolean };

export interface SessionDelivererOptions {
  /** Ends early, with a reply, when the signal is given. */
  readonly open: (signal: AbortSignal) => Promise<Opened>;
  readonly idleMs: number;
  readonly lmtp?: boolean | undefined;
  /** What stands in RCPT for a recipient, where that is not its address in the queue. */
  readonly onWire?: ((recipient: string) => string) | undefined;
}

export class SessionDeliverer implements Deliverer {
  readonly #options: SessionDelivererOptions;
  #session: Session | undefined;
  /** Jobs at work: two while the answer to the first is awaited. */
  #busy = 0;
  /** Waits for the next hop, each of which ends in time. */
  #waits = 0;
  #mayOverlap = true;
  readonly #closing = new AbortController();
  #idle: NodeJS.Timeout | undefined;

  constructor(options: SessionDelivererOptions) {
    this.#options = options;
  }

  get bounded(): boolean {
    return this.#waits > 0;
  }

  async deliver(job: Job, message: StoredMessage, next?: () => void): Promise<DeliveryResult> {
    clearTimeout(this.#idle);
    this.#busy += 1;
    const result = await this.#deliverAll(job.to, message, next);
    this.#busy -= 1;
    if (this.#busy === 0) this.#rest();
    return result;
  }

  close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#idle);
    if (this.#busy > 0) this.#session?.abort();
    else this.#session?.quit();
    return Promise.resolve();
  }

  async #deliverAll(to: readonly string[], message: StoredMessage, next?: () => void): Promise<DeliveryResult> {
    const { able, refused } = screenAddresses(message.envelope.sender, to);
    const verdicts: RecipientVerdict[] = [...refused];
    let waiting = [...able];
    let stop: Reply | undefined;
    let trouble: Reply | undefined;
    const enough = Date.now() + MAX_JOB_MS;
    while (waiting.length > 0 && stop === undefined) {
      const batch = waiting.slice(0, MAX_RECIPIENTS);
      const last = waiting.length <= MAX_RECIPIENTS;
      const judgement = await this.#deliverBatch(batch, message, last ? next : undefined);
      verdicts.push(...judgement.verdicts);
      trouble = judgement.trouble;
      waiting = [...judgement.again, ...waiting.slice(MAX_RECIPIENTS)];
      stop = trouble ?? this.#whyStop(judgement, Date.now() > enough);
    }
    if (stop) verdicts.push(verdictOf(waiting, stop));
    return { verdicts: mergeVerdicts(verdicts), trouble };
  }

  /** Why the recipients that are left are not tried now: each batch may take as long as all its limits together. */
  #whyStop({ verdicts }: Judgement, late: boolean): Reply | undefined {
    const lost = verdicts.some(({ reply: answer }) => answer.status === '4.4.2');
    if (!lost && !late && !this.#closing.signal.aborted) return undefined;
    const text = lost ? 'connection lost with other recipients of the message' : 'other recipients took too long';
    return reply({ code: 451, status: '4.4.2', text });
  }

  /** `next`: called when another message may go over the same session before the answer to this one is there. */
  async #deliverBatch(
    batch: readonly string[],
    message: StoredMessage,
    next?: () => void,
    fresh = false,
  ): Promise<Judgement> {
    const session = await this.#openSession();
    if ('reply' in session) {
      return {
        verdicts: [verdictOf(batch, session.reply)],
        again: [],
        trouble: session.trouble ? session.reply : undefined,
      };
    }
    const start = message.envelope.smtputf8 === true ? await readStart(session, message) : message.bytes;
    const { able, refused } = screenForSession(session, message, batch, start);
    if (able.length === 0) return { verdicts: refused, again: [] };
    const kept = session.used > 0;
    const overlapped = session.overlaps;
    let ahead = false;
    this.#waits += 1;
    const transcript = await session.transact(
      { ...parametersOf(message, able), recipients: able, onWire: this.#options.onWire },
      (so) => {
        ahead = this.#mayOverlap && kept && session.overlaps && allAccepted(so);
        if (ahead) next?.();
      },
    );
    this.#waits -= 1;
    const spoilt = overlapped && (isStale(transcript) || isOutOfStep(transcript));
    if (spoilt || (ahead && transcript.final === undefined)) this.#mayOverlap = false;
    if (kept && !fresh && !this.#closing.signal.aborted && (spoilt || isStale(transcript))) {
      session.abort();
      return this.#deliverBatch(batch, message, next, true);
    }
    const judgement = judge(transcript, able, session.remote);
    const verdicts = owingSuccess(judgement.verdicts, message.envelope, this.#noticeOf(session));
    return { ...judgement, verdicts: [...refused, ...verdicts] };
  }

  /** A next hop that offers DSN tells of success itself, or hands the wish on; one that speaks LMTP has delivered for good. */
  #noticeOf(session: Session): Notice | undefined {
    if (session.offers('DSN')) return undefined;
    return this.#options.lmtp === true ? 'delivered' : 'relayed';
  }

  async #openSession(): Promise<Opened> {
    if (this.#session?.usable === true || this.#session?.overlaps === true) return this.#session;
    this.#session?.quit();
    this.#waits += 1;
    const opened = await this.#options.open(this.#closing.signal);
    this.#waits -= 1;
    this.#session = 'reply' in opened ? undefined : opened;
    if (this.#closing.signal.aborted) this.#session?.abort();
    return opened;
  }

  /** Between jobs: a session that is used up goes at once, another when nothing comes for a while. */
  #rest(): void {
    if (this.#session?.usable === false || this.#closing.signal.aborted) this.#session?.quit();
    else this.#idle = setTimeout(() => this.#session?.quit(), this.#options.idleMs);
    this.#idle?.unref();
  }
}

/** Otherwise some may have to go in another transaction of the same session. */
function allAccepted({ rcpt }: Transcript): boolean {
  for (const answer of rcpt.values()) if (!answer.startsWith('2')) return false;
  return true;
}

function parametersOf(
  message: StoredMessage,
  to: readonly string[],
): Omit<Parameters<Session['transact']>[0], 'recipients'> {
  const { envelope, size, bytes } = message;
  return {
    sender: envelope.sender,
    size,
    eightBit: envelope.body === '8BITMIME',
    smtputf8: envelope.smtputf8 === true,
    ret: envelope.ret,
    envid: envelope.envid,
    deliverBy: envelope.deliverBy,
    rcptParameters: rcptParameters(envelope.recipients, to),
    content: bytes ?? message.stream(),
    // Only of what is in memory the checksum was verified.
    plain: bytes !== undefined && envelope.plain === true,
  };
}
