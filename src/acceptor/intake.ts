/**
 * From the end of the data to the answer: filters, commitment, log, hand-on. The order is the promise: nothing is accepted
 * before it is durable, nothing is refused after; a verdict that does not come is a 451, never an acceptance.
 */
import { errorText, oneLine } from '../base/text.ts';
import type { HandOn } from '../ipc/hand-on.ts';
import type { Verdict } from '../ipc/messages.ts';
import type { Logger } from '../log/logger.ts';
import type { Envelope } from '../mail/envelope.ts';
import { hasOwnFile } from '../queue/handle.ts';
import type { Draft, Handle, Store } from '../queue/store.ts';
import type { FilterClient } from './filter-client.ts';
import type { MessageStream } from './message-stream.ts';
import { receiveContent, storageRefusal, type ContentRules, type Incoming } from './reception.ts';
import { refusal, REFUSALS, type Refusal } from './replies.ts';
import type { DataAnswer } from './server.ts';
import type { TenantDesk } from './tenant-desk.ts';

export interface IntakeServices {
  readonly store: Pick<Store, 'nextId' | 'draft'>;
  readonly handOn: Pick<HandOn, 'send'>;
  readonly filters: Pick<FilterClient, 'check'>;
  readonly log: Logger;
  readonly jobDone: () => void;
  /** Hears of each message that was accepted. */
  readonly tenants?: Pick<TenantDesk, 'accepted'>;
}

export interface IntakeRules extends ContentRules {
  /** Names of the filters that the listener asks for. */
  readonly filters: readonly string[];
}

/** Recipients that one log line names; it counts the others. */
const LOGGED_RECIPIENTS = 20;
/** How long a large message waits for its line to be in the log before it is handed on, in ms. */
const LOG_MS = 2000;

/** A message on its way to acceptance. */
interface Whole {
  readonly draft: Draft;
  readonly envelope: Envelope;
  readonly envelopeBytes: number;
  readonly size: number;
}

export class Intake {
  readonly #services: IntakeServices;
  readonly #underWay = new Set<Promise<DataAnswer>>();
  /** Accepted, and not handed on yet. */
  readonly #waiting = new Set<Promise<void>>();
  #untakenBytes = 0;
  /** Messages accepted for delivery, and those of them that the router has. */
  #entered = 0;
  #left = 0;

  constructor(services: IntakeServices) {
    this.#services = services;
  }

  /** For the balance of this stage, see process/stage-balance.ts. */
  get passed(): { readonly entered: number; readonly left: number } {
    return { entered: this.#entered, left: this.#left };
  }

  /** Messages whose data or answer is under way. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /** Accepted messages that wait for their line to be in the log: nobody else has them in hand. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Bytes of the envelopes of accepted messages that no router has taken yet. */
  get untakenBytes(): number {
    return this.#untakenBytes;
  }

  /** Takes one message; sets the sink of the stream before it returns. Rejects never. */
  receive(stream: MessageStream, incoming: Incoming, rules: IntakeRules): Promise<DataAnswer> {
    const answer = this.#receive(stream, incoming, rules);
    this.#underWay.add(answer);
    void answer.finally(() => {
      this.#underWay.delete(answer);
      this.#services.jobDone();
    });
    return answer;
  }

  /** Resolves when nothing is under way any more. */
  async settle(): Promise<void> {
    while (this.#underWay.size + this.#waiting.size > 0) {
      await Promise.allSettled([...this.#underWay, ...this.#waiting]);
    }
  }

  async #receive(stream: MessageStream, incoming: Incoming, rules: IntakeRules): Promise<DataAnswer> {
    const { store, log } = this.#services;
    const received = await receiveContent(stream, incoming, { store, rules, log });
    // Nobody hears the answer of a client that is gone.
    if (received.kind === 'gone') return refusal(451, '4.4.2', 'client-gone', 'The message was cut off');
    if (received.kind === 'refused') return received.refusal;
    const { draft, size, plain, tenant } = received;
    const known = tenant === undefined ? incoming.envelope : { ...incoming.envelope, tenant };
    const envelope: Envelope = plain ? { ...known, plain } : known;
    const whole = { draft, envelope, envelopeBytes: incoming.envelopeBytes, size };
    try {
      return await (rules.filters.length === 0 ? this.#commit(whole) : this.#filter(whole, rules.filters));
    } catch (error) {
      log.error('storage', { id: draft.id, why: errorText(error) });
      await this.#discard(draft);
      return storageRefusal(error);
    }
  }

  /** On a full disk, what a refused message has in tmp/ is just what is missing. */
  async #discard(draft: Draft): Promise<void> {
    await draft.discard().catch((error: unknown) => {
      this.#services.log.warn('discard-failed', { id: draft.id, why: errorText(error) });
    });
  }

  async #commit(whole: Whole, changes?: Pick<Verdict, 'prepend' | 'replaced'>): Promise<DataAnswer> {
    const { draft, envelope } = whole;
    const handle = await draft.commit(envelope, changes);
    this.#logReceived(whole);
    this.#untakenBytes += whole.envelopeBytes;
    this.#entered += 1;
    this.#services.tenants?.accepted(envelope.tenant);
    // A small one stays in its segment, where the injector finds it. Of a large one nothing would be left once it is delivered.
    if (hasOwnFile(handle)) this.#handOnLogged(handle, whole);
    else this.#handOn(handle, whole);
    return { accepted: `2.0.0 Ok: queued as ${draft.id}` };
  }

  #handOnLogged(handle: Handle, whole: Whole): void {
    const waiting = this.#services.log.flush(LOG_MS).then(() => {
      this.#waiting.delete(waiting);
      this.#handOn(handle, whole);
    });
    this.#waiting.add(waiting);
  }

  /** Without waiting: the message is durable, and the injector finds it if this process dies now. */
  #handOn(handle: Handle, { envelope, envelopeBytes }: Whole): void {
    const { handOn, log } = this.#services;
    const taken = handOn.send({ t: 'accepted', handle, envelope }).catch((error: unknown) => {
      log.error('hand-on-failed', { id: handle.slice(0, 19), why: errorText(error) });
    });
    void taken.then(() => {
      this.#untakenBytes -= envelopeBytes;
      this.#left += 1;
    });
  }

  async #filter(whole: Whole, filters: readonly string[]): Promise<DataAnswer> {
    const { draft, envelope } = whole;
    const handle = await draft.stage(envelope);
    const answer = await this.#services.filters.check({ handle, envelope, filters });
    if (answer.t === 'failed') {
      this.#services.log.warn('filter-failed', { id: draft.id, why: answer.why });
      await draft.discard();
      return REFUSALS.filterDown;
    }
    const { verdict, by, prepend, replaced } = answer;
    this.#services.log.info('filtered', { id: draft.id, verdict, by, reply: answer.reply?.text });
    switch (verdict) {
      case 'accept':
        return this.#commit(whole, {
          ...(prepend !== undefined && { prepend }),
          ...(replaced !== undefined && { replaced }),
        });
      case 'quarantine':
        await draft.quarantine(envelope, `filter ${by ?? 'unknown'}: ${answer.reply?.text ?? 'quarantined'}`);
        this.#logReceived(whole);
        this.#services.log.info('quarantined', { id: draft.id, by });
        return { accepted: `2.0.0 Ok: queued as ${draft.id}` };
      default:
        await draft.discard();
        return refusalOf(answer);
    }
  }

  #logReceived({ draft, envelope, size }: Whole): void {
    const { sender, recipients, origin, received, notBefore } = envelope;
    this.#services.log.info('received', {
      id: draft.id,
      sender,
      recipients: recipients.length,
      to: recipients.slice(0, LOGGED_RECIPIENTS).map(({ address }) => address),
      size,
      ip: origin.ip,
      listener: origin.listener,
      until: notBefore,
      ms: Date.now() - received,
    });
  }
}

/** The filter's own words where they are fit for a reply, else ours. */
function refusalOf({ verdict, by, reply }: Verdict): Refusal {
  const permanent = verdict === 'reject';
  const fits = reply !== undefined && Math.floor(reply.code / 100) === (permanent ? 5 : 4);
  return refusal(
    fits ? reply.code : permanent ? 554 : 451,
    fits ? reply.status : permanent ? '5.7.1' : '4.7.0',
    `filter-${verdict}`,
    fits
      ? oneLine(reply.text, 400)
      : `The content was ${permanent ? 'refused' : 'put off'} by filter ${by ?? ''}`.trimEnd(),
  );
}
