/**
 * Reports failures, delays and, where it was asked for, good news to senders. One report speaks of all recipients of a job.
 *
 * A message from <> is dropped, as is one whose sender wants to hear nothing; see readers.ts for reports that fail. The commit of the
 * report is what settles the recipients it names (Envelope.settles): a crash after it makes no second one, a crash before it
 * leaves none. A warning settles nothing.
 */
import { DeadlineExceeded, withDeadline } from '../../../base/deadline.ts';
import { errorText } from '../../../base/text.ts';
import type { HandOn } from '../../../ipc/hand-on.ts';
import type { Job } from '../../../ipc/messages.ts';
import type { Logger } from '../../../log/logger.ts';
import { isAsciiAddress } from '../../../mail/address.ts';
import type { Envelope } from '../../../mail/envelope.ts';
import type { Reply } from '../../../mail/outcome.ts';
import { hasOwnFile } from '../../../queue/handle.ts';
import { StorageFull, type Handle, type Store, type StoredMessage } from '../../../queue/store.ts';
import type { Deliverer, DeliveryResult, RecipientVerdict } from '../../deliverer.ts';
import type { GiveClass } from '../../classes.ts';
import { mergeVerdicts, reply } from '../../replies.ts';
import { composeReport } from './compose.ts';
import { presentable } from './fields.ts';
import { quoteMessage } from './quote.ts';
import { owing, readerOf, tellsFailure } from './readers.ts';
import type { Report, ReportedRecipient } from './report.ts';

/** Reports that the router has not taken yet. */
const MAX_OUTSTANDING = 1000;
/** How long the router gets to take one of them before the bin waits, in ms. */
const ROUTER_MS = 5000;
/** How long a large report waits for its line to be in the log before it is handed on, in ms: less than a lane gets to end. */
const LOG_MS = 500;

export interface BounceOptions {
  readonly store: Pick<Store, 'nextId' | 'draft'>;
  readonly handOn: Pick<HandOn, 'send' | 'outstanding'>;
  readonly log: Logger;
  /** Ids of reports that are in the queue and were not handed on yet. */
  readonly unsent: Set<string>;
  readonly hostname: string;
  /** config.retry.lifetime, in ms. */
  readonly lifetime: number;
  /** config.bounce.returnSize, in bytes. */
  readonly returnSize: number;
  /** Who is told of a report that fails; absent: nobody. */
  readonly double?: string | undefined;
  readonly giveClass: GiveClass;
}

interface Committed {
  readonly handle: Handle;
  readonly envelope: Envelope;
  readonly id: string;
}

/** What is to be said, and to whom. */
type What = Pick<Report, 'kind' | 'to' | 'double'>;

/** What becomes of the recipients, by what the report is about: of whom the sender is told, and of whom he wants to hear nothing. */
const ENDS = {
  failed: { told: 'bounced', untold: 'dropped' },
  delayed: { told: 'warned', untold: 'warned' },
  relayed: { told: 'delivered', untold: 'delivered' },
  delivered: { told: 'delivered', untold: 'delivered' },
  expanded: { told: 'expanded', untold: 'expanded' },
} as const;

const UNKNOWN: Reply = { ...reply({ code: 550, status: '5.0.0', text: 'could not be delivered' }), class: 'other' };

export class BounceDeliverer implements Deliverer {
  /** A disk may hang, and has no limit; the router has one that is short. */
  readonly bounded = false;
  readonly #options: BounceOptions;
  #lastSent: Promise<void> = Promise.resolve();

  constructor(options: BounceOptions) {
    this.#options = options;
  }

  async deliver(job: Job, message: StoredMessage): Promise<DeliveryResult> {
    const kind = job.kind ?? 'failed';
    const { envelope } = message;
    const recipients = this.#reported(job, envelope);
    const reader = readerOf(envelope, kind, this.#options.double);
    const lost = reader === undefined && kind === 'failed' && envelope.origin.via === 'bounce';
    if (lost) this.#tellDropped(message, job.to);
    const isOwed = reader === undefined ? () => false : owing(envelope, kind);
    const told = recipients.filter(({ address }) => isOwed(address));
    const untold = recipients.filter(({ address }) => !isOwed(address));
    const { untold: silently, told: loudly } = ENDS[kind];
    const silent = untold.map((recipient) => verdict(silently, recipient));
    if (reader === undefined || told.length === 0) return { verdicts: mergeVerdicts(silent) };
    const made = await this.#makeReport(message, { kind, ...reader }, told);
    if ('trouble' in made) {
      const waiting = kind === 'failed' ? told.map((recipient) => verdict('deferred', recipient)) : [];
      return { verdicts: mergeVerdicts([...silent, ...waiting]), trouble: made.trouble };
    }
    const spoken = told.map((it) => ({ ...verdict(loudly, it), report: made.id }));
    return { verdicts: mergeVerdicts([...silent, ...spoken]), whenDurable: () => this.#send(made) };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #makeReport(
    message: StoredMessage,
    what: What,
    told: readonly ReportedRecipient[],
  ): Promise<Committed | { readonly trouble: Reply }> {
    try {
      await this.#waitForRouter();
      return await this.#commit(message, what, told);
    } catch (error) {
      this.#options.log.error('unreported', { id: message.id, why: errorText(error) });
      return { trouble: troubleReply(error) };
    }
  }

  async #commit(message: StoredMessage, what: What, told: readonly ReportedRecipient[]): Promise<Committed> {
    const { store, hostname, lifetime, returnSize } = this.#options;
    const id = store.nextId();
    const quote = await quoteMessage(message, what.kind, returnSize);
    const report = {
      ...what,
      id,
      hostname,
      now: Date.now(),
      lifetime,
      envelope: message.envelope,
      ...(quote.cut && { cutAt: returnSize }),
      recipients: told.map((one) => ({ ...one, reply: presentable(one.reply) })),
    };
    const { bytes, eightBit } = composeReport(report, quote);
    const envelope = reportEnvelope(report, message.id, eightBit);
    const draft = store.draft(id);
    await draft.write(bytes);
    const handle = await draft.commit(envelope);
    this.#options.unsent.add(id);
    const to = [envelope.recipients[0]?.address];
    this.#options.log.info('received', {
      id,
      sender: '',
      recipients: 1,
      to,
      size: draft.size,
      via: 'bounce',
      about: message.id,
    });
    return { id, envelope, handle };
  }

  /** Of a report that fails nobody hears any more, but who reads the log. */
  #tellDropped({ id, envelope }: StoredMessage, to: readonly string[]): void {
    this.#options.log.warn('report-lost', { id, to, why: whyDropped(envelope) });
  }

  #reported(job: Job, envelope: Envelope): ReportedRecipient[] {
    const { giveClass } = this.#options;
    const withClass = (answer: Reply): Reply => (answer.code < 400 ? answer : giveClass(answer));
    const replies = new Map(
      (job.failures ?? []).flatMap(({ to, reply: answer }) => to.map((address) => [address, withClass(answer)])),
    );
    const wishes = new Map(envelope.recipients.map(({ address, dsn }) => [address, dsn]));
    return job.to.map((address) => ({
      address,
      reply: replies.get(address) ?? UNKNOWN,
      orcpt: wishes.get(address)?.orcpt,
    }));
  }

  /** Not waited for: the report is in the queue, and whoever loses it in memory finds it there. */
  async #send({ handle, envelope, id }: Committed): Promise<void> {
    if (hasOwnFile(handle)) await this.#options.log.flush(LOG_MS);
    this.#lastSent = this.#options.handOn.send({ t: 'accepted', handle, envelope });
    this.#options.unsent.delete(id);
  }

  async #waitForRouter(): Promise<void> {
    if (this.#options.handOn.outstanding < MAX_OUTSTANDING) return;
    await withDeadline(this.#lastSent, ROUTER_MS, 'router');
  }
}

function whyDropped(envelope: Envelope): string {
  if (envelope.double === true) return 'it was about a report that failed';
  if (!tellsFailure(envelope)) return 'it told of no failure, but of a delay or a success';
  return 'bounce.double has no address for it';
}

function verdict(state: RecipientVerdict['state'], { address, reply: answer }: ReportedRecipient): RecipientVerdict {
  return { state, recipients: [address], reply: answer };
}

function reportEnvelope(report: Report, about: string, eightBit: boolean): Envelope {
  const { kind, now, envelope, to, double, recipients } = report;
  return {
    sender: '',
    recipients: [{ address: to }],
    received: now,
    tenant: envelope.tenant,
    origin: { via: 'bounce' },
    ...(eightBit && { body: '8BITMIME' as const }),
    ...(!isAsciiAddress(to) && { smtputf8: true }),
    ...(double && { double }),
    ...(kind !== 'delayed' && {
      settles: {
        id: about,
        recipients: recipients.map(({ address }) => address),
        ...(kind !== 'failed' && { as: ENDS[kind].told }),
      },
    }),
  };
}

function troubleReply(error: unknown): Reply {
  if (error instanceof StorageFull)
    return reply({ code: 452, status: '4.3.1', text: 'no space in the queue for a report' });
  const text =
    error instanceof DeadlineExceeded ? 'the router takes no mail' : `report could not be stored: ${errorText(error)}`;
  return reply({ code: 451, status: '4.3.0', text });
}
