/**
 * One message from DATA to its answer.
 *
 * Content goes from the parser straight into a draft of the store; only the header is held back, for the hop count and the
 * lines that a submission lacks. A refused message is read to its true end and then refused: an answer in the middle would
 * let content run as commands. Accepted means durable: the text of the 250 is made after commit() resolved.
 */
import type { Logger } from '../log/logger.ts';
import type { Envelope } from '../mail/envelope.ts';
import { countHeader, hasHeader, lacksHeader } from '../mail/headers.ts';
import { dateHeader, messageIdHeader, receivedHeader, type Trace } from '../mail/trace.ts';
import { errorText } from '../base/text.ts';
import { StorageFull, type Draft, type Store } from '../queue/store.ts';
import type { DataSummary, MessageSink, MessageStream } from './message-stream.ts';
import { HeaderGate } from './header-gate.ts';
import { headerTooLarge, REFUSALS, tooLarge, tooManyHops, type Refusal } from './replies.ts';

/** What a listener and the limits say about content. */
export interface ContentRules {
  readonly hostname: string;
  readonly lineEnds: 'refuse' | 'normalise';
  readonly messageSize: number;
  readonly headerSize: number;
  readonly hops: number;
  /** Add Date and Message-ID where they are missing (RFC 6409 section 8). */
  readonly submission: boolean;
  /** Whose mail it is, where the header has to say so. */
  readonly tenantOf?: (header: Buffer) => string;
  /** Refuses mail of the tenant that the header named. */
  readonly judgeTenant?: (tenant: string) => Refusal | undefined;
}

export interface Incoming {
  readonly envelope: Envelope;
  /** Bytes of its recipients as JSON: about what it costs to keep. */
  readonly envelopeBytes: number;
  /** All of the Received line but the id. */
  readonly trace: Omit<Trace, 'id'>;
}

/** What became of the content: complete in the draft, refused, or cut off by the client. */
export type Received =
  | {
      readonly kind: 'complete';
      readonly draft: Draft;
      readonly size: number;
      readonly plain: boolean;
      /** Where the header said whose mail it is. */
      readonly tenant?: string;
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'gone' };

/** Chunks below this are joined before they go on: a client that sends single bytes must not cost a buffer for each. */
const SMALL = 1024;
const MAX_JOINED = 64;

/** Takes the data of the stream; resolves when it has ended. A draft that is not complete is discarded here. */
export function receiveContent(
  stream: MessageStream,
  incoming: Incoming,
  services: { readonly store: Pick<Store, 'nextId' | 'draft'>; readonly rules: ContentRules; readonly log: Logger },
): Promise<Received> {
  return new Promise((resolve) => {
    const draft = services.store.draft(services.store.nextId());
    stream.sink = new Reception(draft, incoming, { ...services, done: resolve });
  });
}

class Reception implements MessageSink {
  readonly #draft: Draft;
  readonly #incoming: Incoming;
  readonly #rules: ContentRules;
  readonly #log: Logger;
  readonly #done: (received: Received) => void;
  readonly #gate: HeaderGate;
  #inBody = false;
  #small: Buffer[] = [];
  #smallSize = 0;
  #refusal: Refusal | undefined;
  #tenant: string | undefined;

  constructor(
    draft: Draft,
    incoming: Incoming,
    options: { readonly rules: ContentRules; readonly log: Logger; readonly done: (received: Received) => void },
  ) {
    this.#draft = draft;
    this.#incoming = incoming;
    this.#rules = options.rules;
    this.#log = options.log;
    this.#done = options.done;
    this.#gate = new HeaderGate(options.rules.headerSize);
  }

  write(content: Buffer): Promise<void> | undefined {
    if (this.#refusal !== undefined) return undefined;
    if (content.length >= SMALL && this.#small.length === 0) return this.#pass(content);
    this.#small.push(content);
    this.#smallSize += content.length;
    return this.#smallSize >= SMALL || this.#small.length >= MAX_JOINED ? this.#passSmall() : undefined;
  }

  end(summary: DataSummary): void {
    void this.#finish(summary).then(this.#done);
  }

  abort(): void {
    void this.#discard().then(() => this.#done({ kind: 'gone' }));
  }

  #passSmall(): Promise<void> | undefined {
    const [first] = this.#small;
    if (first === undefined) return undefined;
    const content = this.#small.length === 1 ? first : Buffer.concat(this.#small);
    this.#small = [];
    this.#smallSize = 0;
    return this.#pass(content);
  }

  #pass(content: Buffer): Promise<void> | undefined {
    if (this.#inBody) return this.#store(content);
    const gathered = this.#gate.take(content);
    if (gathered === 'more') return undefined;
    if (gathered === 'too-large') {
      this.#refusal = headerTooLarge(this.#rules.headerSize);
      return undefined;
    }
    return this.#begin(gathered.content, gathered.header);
  }

  /** The header is complete: the first bytes go into the draft, or the message is refused. */
  #begin(content: Buffer, headerLength: number): Promise<void> | undefined {
    this.#inBody = true;
    const header = content.subarray(0, headerLength);
    const { hops, submission, hostname } = this.#rules;
    if (countHeader(header, 'Received', hops + 1) > hops) {
      this.#refusal = tooManyHops(hops);
      return undefined;
    }
    this.#tenant = this.#rules.tenantOf?.(header);
    this.#refusal = this.#tenant === undefined ? undefined : this.#rules.judgeTenant?.(this.#tenant);
    if (this.#refusal !== undefined) return undefined;
    let top = receivedHeader({ ...this.#incoming.trace, id: this.#draft.id });
    if (submission && !hasHeader(header, 'Message-ID')) top += messageIdHeader(this.#draft.id, hostname);
    if (submission && !hasHeader(header, 'Date')) top += dateHeader(this.#incoming.envelope.received);
    if (lacksHeader(header)) top += '\r\n';
    const wait = this.#store(Buffer.from(top));
    return wait === undefined ? this.#store(content) : wait.then(() => this.#store(content));
  }

  #store(content: Buffer): Promise<void> | undefined {
    if (this.#refusal !== undefined || content.length === 0) return undefined;
    return this.#draft.write(content)?.catch((error: unknown) => this.#storageTrouble(error));
  }

  #storageTrouble(error: unknown): void {
    this.#refusal ??= storageRefusal(error);
    this.#log.error('storage', { id: this.#draft.id, why: errorText(error) });
  }

  async #finish(summary: DataSummary): Promise<Received> {
    await this.#passSmall();
    if (!this.#inBody && this.#refusal === undefined) {
      const { content, header } = this.#gate.finish();
      await this.#begin(content, header);
    }
    const refused = this.#judge(summary);
    if (refused === undefined)
      return {
        kind: 'complete',
        draft: this.#draft,
        size: this.#draft.size,
        plain: summary.plain,
        ...(this.#tenant !== undefined && { tenant: this.#tenant }),
      };
    await this.#discard();
    return { kind: 'refused', refusal: refused };
  }

  #judge({ faults, sizeExceeded }: DataSummary): Refusal | undefined {
    if (faults.nul) return REFUSALS.nul;
    if (this.#rules.lineEnds === 'refuse' && (faults.bareCr || faults.bareLf)) return REFUSALS.bareLineEnd;
    return sizeExceeded ? tooLarge(this.#rules.messageSize) : this.#refusal;
  }

  async #discard(): Promise<void> {
    this.#refusal ??= REFUSALS.storage;
    await this.#draft.discard().catch((error: unknown) => {
      this.#log.warn('discard-failed', { id: this.#draft.id, why: errorText(error) });
    });
  }
}

/** What a client is told when the store failed: a full disk is a known trouble, anything else a broken one. */
export function storageRefusal(error: unknown): Refusal {
  return error instanceof StorageFull ? REFUSALS.noRoom : REFUSALS.storage;
}
