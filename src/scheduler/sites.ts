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
  /** The first answer about this next hop is there, or nobody could tell. */
  readonly onKnown: (hop: Hop) => void;
}

interface Entry {
  readonly hop: Hop;
  site: string | undefined;
  /** The tick after which it is asked again. */
  until: number;
  /** There was no answer yet. */
  waiting: boolean;
  asking: boolean;
}

/** Next hops that are remembered; the oldest are forgotten. */
const MOST_KNOWN = 50_000;
/** Questions under way. */
const MOST_ASKED = 200;
const LEAST_TTL_MS = 5000;
const MOST_TTL_MS = 24 * 60 * 60_000;
/** After this time it is asked again what nobody could tell. */
const UNKNOWN_MS = 30_000;

export class Sites {
  readonly #options: SitesOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #line = new Deque<Entry>();
  #asked = 0;

  constructor(options: SitesOptions) {
    this.#options = options;
  }

  /** Whether the site of this hop is still being looked up for the first time: until onKnown(), its mail waits. */
  isAsked(hop: Hop): boolean {
    if (!hasSite(hop)) return false;
    const entry = this.#entries.get(hop.next) ?? this.#add(hop);
    if (entry.until <= this.#options.clock.ticks()) this.#ask(entry);
    return entry.waiting;
  }

  /** The hop that all of its site share; the hop itself where no site is known. */
  siteHop(hop: Hop): Hop {
    if (!hasSite(hop)) return hop;
    const site = this.#entries.get(hop.next)?.site;
    return site === undefined ? hop : { channel: hop.channel, next: `site:${site}` };
  }

  #add(hop: Hop): Entry {
    if (this.#entries.size >= MOST_KNOWN) this.#forgetOne();
    const entry: Entry = { hop, site: undefined, until: 0, waiting: true, asking: false };
    this.#entries.set(hop.next, entry);
    return entry;
  }

  #forgetOne(): void {
    for (const [next, { waiting }] of this.#entries) {
      if (waiting) continue;
      this.#entries.delete(next);
      return;
    }
  }

  #ask(entry: Entry): void {
    if (entry.asking) return;
    entry.asking = true;
    this.#line.push(entry);
    this.#askOn();
  }

  #askOn(): void {
    while (this.#asked < MOST_ASKED) {
      const entry = this.#line.shift();
      if (!entry) return;
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
    const { clock, onKnown } = this.#options;
    // Mail goes where it went while DNS cannot be asked.
    const isNews = entry.waiting || (site !== undefined && entry.site !== site);
    entry.asking = entry.waiting = false;
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
