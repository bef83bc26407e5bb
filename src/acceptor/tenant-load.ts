/**
 * How many messages of each tenant wait, as the scheduler counts them, asked for once in a second while some tenant has a limit.
 * What came in since the last answer is added here. Where the scheduler is silent for long, nobody is refused for what it said
 * before: its queue is bounded by other means.
 */
import { errorText } from '../base/text.ts';
import type { IpcTls } from '../ipc/address.ts';
import { connectPeer } from '../ipc/connect.ts';
import type { Hello } from '../ipc/messages.ts';
import type { Peer } from '../ipc/peer.ts';

export interface TenantLoadOptions {
  /** Socket of the scheduler. */
  readonly address: string;
  readonly self: Hello;
  readonly tls?: IpcTls | undefined;
  /** Milliseconds between questions. */
  readonly everyMs?: number;
  readonly onTrouble: (why: string) => void;
}

const EVERY_MS = 1000;
const ANSWER_MS = 5000;
/** An answer that is older says nothing any more. */
const STALE_MS = 30_000;

export class TenantLoad {
  readonly #options: TenantLoadOptions;
  readonly #timer: NodeJS.Timeout;
  #queued: ReadonlyMap<string, number> = new Map();
  /** What was accepted after the question whose answer is known. */
  #since = new Map<string, number>();
  /** The same, after the question whose answer is awaited; undefined when none is. */
  #sinceAsked: Map<string, number> | undefined;
  #answeredAt = -Infinity;
  #asking = false;
  #peer: Peer | undefined;
  #closed = false;

  constructor(options: TenantLoadOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#ask(), options.everyMs ?? EVERY_MS).unref();
    void this.#ask();
  }

  /** Messages of the tenant that wait, as far as is known here. */
  queued(tenant: string): number {
    if (performance.now() - this.#answeredAt > STALE_MS) return 0;
    return count(this.#queued, tenant) + count(this.#since, tenant);
  }

  /** One more of the tenant was accepted here. */
  accepted(tenant: string): void {
    this.#since.set(tenant, count(this.#since, tenant) + 1);
    this.#sinceAsked?.set(tenant, count(this.#sinceAsked, tenant) + 1);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#peer?.close();
  }

  async #ask(): Promise<void> {
    if (this.#asking || this.#closed) return;
    this.#asking = true;
    try {
      const peer = await this.#connect();
      const sinceAsked = new Map<string, number>();
      this.#sinceAsked = sinceAsked;
      const answer = await peer.request({ t: 'tenants?' }, ANSWER_MS);
      if (answer.t !== 'tenants') throw new TypeError(`the scheduler answered ${answer.t}`);
      this.#queued = new Map(answer.tenants.map(({ name, queued }) => [name, queued]));
      this.#since = sinceAsked;
      this.#answeredAt = performance.now();
    } catch (error) {
      this.#peer?.close();
      this.#peer = undefined;
      if (!this.#closed) this.#options.onTrouble(errorText(error));
    } finally {
      this.#sinceAsked = undefined;
      this.#asking = false;
    }
  }

  async #connect(): Promise<Peer> {
    if (this.#peer && !this.#peer.closed) return this.#peer;
    const { address, self, tls } = this.#options;
    const peer = await connectPeer({ address, self, tls, deadlineMs: ANSWER_MS });
    if (this.#closed) peer.close();
    this.#peer = peer;
    return peer;
  }
}

function count(of: ReadonlyMap<string, number>, tenant: string): number {
  return of.get(tenant) ?? 0;
}
