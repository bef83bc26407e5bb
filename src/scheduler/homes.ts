/** Where mail waits: which bin, by its next hop, the site behind that, and its tenant; and what moves when one of these changes. */
import type { SteadyClock } from '../base/steady-clock.ts';
import type { Hop } from '../mail/outcome.ts';
import { Bins, type Bin, type BinTenant } from './bins.ts';
import type { Lane } from './lane.ts';
import { rehomeBin, rehomeTenants, type RehomeOptions } from './rehome.ts';
import { Sites, type SitesOptions } from './sites.ts';
import { Tenants, type TenantRules } from './tenants.ts';
import type { WorkPart } from './work.ts';

/** How the mail of each tenant is treated; those that are not named have no limits. */
export type TenantTable = ReadonlyMap<string, TenantRules>;

export interface HomesOptions {
  readonly clock: SteadyClock;
  readonly index: RehomeOptions['index'];
  readonly askSite: SitesOptions['ask'];
  /** Something of the bin may be worked on. */
  readonly onReady: (bin: Bin) => void;
  /** Lanes may be shared out in another way from now on. */
  readonly onShared: () => void;
  /** The bin waits as a whole from now on. */
  readonly onWaiting: (bin: Bin) => void;
}

export class Homes {
  readonly sites: Sites;
  readonly bins: Bins;
  readonly tenants: Tenants<Bin, Lane<Bin>>;
  readonly #options: HomesOptions;

  constructor(options: HomesOptions) {
    this.#options = options;
    const { clock, askSite, onReady } = options;
    this.sites = new Sites({ clock, ask: askSite, onKnown: (hop) => this.#siteKnown(hop) });
    this.bins = new Bins((hop) => this.sites.siteHop(hop));
    this.tenants = new Tenants<Bin, Lane<Bin>>({
      clock,
      onRoom: (tenant, bin) => {
        const can = bin.wakeLine(tenant) && !bin.asking && bin.until <= clock.ticks();
        onReady(bin);
        return can;
      },
    });
  }

  tenantOf({ message }: WorkPart): BinTenant {
    return this.tenants.of(message.facts.tenant);
  }

  binOf(part: WorkPart): Bin {
    return this.bins.of(part.hop, this.tenantOf(part));
  }

  /** The bin for a part that comes in: it waits there until its site is known, where that has to be asked for. */
  enter(part: WorkPart, tenant = this.tenantOf(part)): Bin {
    const isAsked = this.sites.isAsked(part.hop);
    const bin = this.bins.of(part.hop, tenant);
    bin.asking = isAsked;
    return bin;
  }

  /** How tenants are treated from now on. */
  applyTenants(table: TenantTable): void {
    const flips = [...this.tenants.all()].filter(
      ({ name, dedicated }) => dedicated > 0 !== (table.get(name)?.dedicated ?? 0) > 0,
    );
    rehomeTenants(flips, () => this.tenants.apply(table), this.#rehoming);
    this.#options.onShared();
  }

  /** Gives a tenant lanes of its own, or takes them back, until applyTenants(); says why not. */
  dedicate(name: string, lanes: number): string | undefined {
    const why = this.tenants.whyNotDedicate(name, lanes);
    if (why !== undefined) return why;
    const tenant = this.tenants.of(name);
    const flips = tenant.dedicated > 0 === lanes > 0 ? [] : [tenant];
    rehomeTenants(flips, () => this.tenants.dedicate(name, lanes), this.#rehoming);
    this.#options.onShared();
    return undefined;
  }

  /** Whether the bin is that of a site to which the part's domain does not lead any more. */
  hasMoved(part: WorkPart, bin: Bin): boolean {
    return bin.isSite && this.sites.siteHop(part.hop).next !== bin.hop.next;
  }

  close(): void {
    this.sites.close();
    this.tenants.close();
  }

  /** What waited for that goes to the bin of its site; where there is none, it goes from where it is. */
  #siteKnown(hop: Hop): void {
    const owners = [...this.tenants.all()].filter(({ dedicated }) => dedicated > 0);
    const isSite = this.sites.siteHop(hop) !== hop;
    for (const bin of this.bins.ofHop(hop, owners)) {
      bin.asking = false;
      if (isSite) rehomeBin(bin, this.#rehoming);
      else this.#options.onReady(bin);
    }
  }

  get #rehoming(): RehomeOptions {
    const { clock, index, onReady, onWaiting } = this.#options;
    const onMoved = (bin: Bin): void => (bin.until > clock.ticks() ? onWaiting(bin) : onReady(bin));
    return { bins: this.bins, index, now: () => clock.ticks(), onMoved };
  }
}
