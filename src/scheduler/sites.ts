/**
 * Which site a next hop leads to: the hosts that its MX records name. Domains with the same hosts are one site, and share a bin.
 * A transport worker is asked, which looks it up anyway; what it said is remembered as long as DNS allows, and renewed in the
 * background when that is over. What nobody can tell has a bin of its own, where an attempt will say what is wrong.
 */
import { Deque } from '../base/deque.ts';
import type { SteadyClock } from '../base/steady-clock.ts';
import type { Hop } from '../mail/outcome.ts';

/** What a worker says: no `site` where there is none, or it could not be looked up. */
export interface SiteAnswer {
  readonly site?: string;
  /** Milliseconds for which it is true. */
  readonly ttl: number;
}

export interface SitesOptions {
  readonly clock: SteadyClock;
  /** Asks a worker. Rejects when none answers in time. */
  readonly ask: (next: string) => Promise<SiteAnswer>;
  /** There is news of this next hop; or none came in time, and its mail need not wait for that any more. */
  readonly onKnown: (hop: Hop) => void;
  /** How long mail waits for the first answer, in ms. */
  readonly patienceMs?: number;
}

interface Entry {
  readonly hop: Hop;
  site: string | undefined;
  /** The tick after which it is asked again. */
  until: number;
  asking: boolean;
  /** Mail waits for the first answer, until then. */
  patience: NodeJS.Timeout | undefined;
}

/** Next hops that are remembered; the oldest are forgotten. */
const MOST_KNOWN = 50_000;
/** Questions under way. */
const MOST_ASKED = 200;
const LEAST_TTL_MS = 5000;
const MOST_TTL_MS = 24 * 60 * 60_000;
/** After this time it is asked again what nobody could tell. */
const UNKNOWN_MS = 30_000;
/** DNS that is well answers sooner; mail of a domain whose servers are silent keeps no other waiting. */
const PATIENCE_MS = 2000;

export class Sites {
  readonly #options: SitesOptions;
  readonly #entries = new Map<string, Entry>();
  /** Those for which mail waits go before those that are only old. */
  readonly #first = new Deque<Entry>();
  readonly #renewals = new Deque<Entry>();
  #asked = 0;
  #closed = false;

  constructor(options: SitesOptions) {
    this.#options = options;
  }

  /** Whether mail for this hop has to wait until onKnown(): its site is just being looked up for the first time. */
  isAsked(hop: Hop): boolean {
    if (!hasSite(hop) || this.#closed) return false;
    let entry = this.#entries.get(hop.next);
    if (!entry) this.#askFirst((entry = this.#add(hop)));
    else if (!entry.asking && entry.until <= this.#options.clock.ticks()) this.#ask(entry, this.#renewals);
    return entry.patience !== undefined;
  }

  /** The hop that all of its site share; the hop itself where no site is known. */
  siteHop(hop: Hop): Hop {
    if (!hasSite(hop)) return hop;
    const site = this.#entries.get(hop.next)?.site;
    return site === undefined ? hop : { channel: hop.channel, next: `site:${site}` };
  }

  close(): void {
    this.#closed = true;
    for (const { patience } of this.#entries.values()) clearTimeout(patience);
  }

  #add(hop: Hop): Entry {
    for (const [next, { patience }] of this.#entries) {
      // The oldest is the first; what waits is as young as its patience.
      if (this.#entries.size < MOST_KNOWN || patience !== undefined) break;
      this.#entries.delete(next);
    }
    const entry: Entry = { hop, site: undefined, until: 0, asking: false, patience: undefined };
    this.#entries.set(hop.next, entry);
    return entry;
  }

  #askFirst(entry: Entry): void {
    const { onKnown, patienceMs = PATIENCE_MS } = this.#options;
    entry.patience = setTimeout(() => {
      entry.patience = undefined;
      onKnown(entry.hop);
    }, patienceMs);
    this.#ask(entry, this.#first);
  }

  #ask(entry: Entry, line: Deque<Entry>): void {
    entry.asking = true;
    line.push(entry);
    this.#askOn();
  }

  #askOn(): void {
    while (this.#asked < MOST_ASKED && !this.#closed) {
      const entry = this.#first.shift() ?? this.#renewals.shift();
      if (!entry) return;
      if (this.#entries.get(entry.hop.next) !== entry) continue;
      this.#asked += 1;
      void this.#answerOf(entry.hop.next).then((answer) => this.#answered(entry, answer));
    }
  }

  /** Never rejects. */
  async #answerOf(next: string): Promise<SiteAnswer> {
    try {
      return await this.#options.ask(next);
    } catch {
      // No worker: the lane that is opened next says so.
      return { ttl: UNKNOWN_MS };
    }
  }

  #answered(entry: Entry, { site, ttl }: SiteAnswer): void {
    this.#asked -= 1;
    if (this.#closed) return;
    const { clock, onKnown } = this.#options;
    // Mail goes where it went while DNS cannot be asked.
    const isNews = entry.patience !== undefined || (site !== undefined && entry.site !== site);
    clearTimeout(entry.patience);
    entry.patience = undefined;
    entry.asking = false;
    entry.site = site ?? entry.site;
    entry.until = clock.tickIn(Math.min(MOST_TTL_MS, Math.max(LEAST_TTL_MS, ttl)));
    if (isNews) onKnown(entry.hop);
    this.#askOn();
  }
}

/** Hops whose hosts DNS names. */
function hasSite({ channel, next }: Hop): boolean {
  return channel === 'smtp' && (next.startsWith('mx:') || next.startsWith('route:'));
}
