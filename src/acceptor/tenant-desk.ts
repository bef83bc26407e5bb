/** Whose mail a client sends, and whether that tenant may send more at this moment. */
import type { Config } from '../config/config.ts';
import { TenantFinder, type Client } from '../config/tenant-finder.ts';
import { authorDomain } from '../mail/author.ts';
import { DEFAULT_TENANT } from '../mail/envelope.ts';
import { REFUSALS, type Refusal } from './replies.ts';
import type { TenantLoad } from './tenant-load.ts';

export class TenantDesk {
  readonly #tenants: Config['tenants'];
  readonly #finder: TenantFinder;
  readonly #load: TenantLoad | undefined;

  /** Reads whose mail it is from its header, where MAIL did not say it. */
  readonly ofHeader = (header: Buffer): string => {
    const domain = authorDomain(header);
    return (domain === undefined ? undefined : this.#finder.ofAuthor(domain)) ?? DEFAULT_TENANT;
  };

  /** `load` where a tenant's queue has a limit. */
  constructor(tenants: Config['tenants'], load?: TenantLoad) {
    this.#tenants = tenants;
    this.#finder = new TenantFinder(tenants);
    this.#load = load;
  }

  /** Some tenant's queue has a limit. */
  static hasLimits(tenants: Config['tenants']): boolean {
    return Object.values(tenants).some(({ queue }) => queue > 0);
  }

  /** What is known at MAIL; undefined when the header has to say it. */
  ofSender(client: Client, sender: string): string | undefined {
    const readsHeader = client.trusted && this.#finder.looksAtAuthors;
    return this.#finder.find(client, sender) ?? (readsHeader ? undefined : DEFAULT_TENANT);
  }

  /** Refuses mail of a tenant whose queue is full. */
  judge(tenant: string): Refusal | undefined {
    const most = this.#load === undefined || !Object.hasOwn(this.#tenants, tenant) ? 0 : this.#tenants[tenant]?.queue;
    return most && this.#load && this.#load.queued(tenant) >= most ? REFUSALS.tenantFull : undefined;
  }

  accepted(tenant: string): void {
    this.#load?.accepted(tenant);
  }

  close(): void {
    this.#load?.close();
  }
}
