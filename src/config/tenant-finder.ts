/**
 * Whose mail it is: the first tenant of tenants.yaml that knows the client's login, its network, or the envelope sender; where none
 * does, the one that knows the domain of the From field. Senders and From fields are believed of clients that may relay only:
 * everybody else could put his mail on the account of another.
 */
import type { Config, TenantSettings } from './config.ts';
import { compileNetworks } from './networks.ts';

export interface Client {
  /** Absent: a program of this machine. */
  readonly ip?: string | undefined;
  readonly login?: string | undefined;
  /** It may relay. */
  readonly trusted: boolean;
}

/** A tenant, and its place in the file. */
interface Match {
  readonly name: string;
  readonly place: number;
}

/** Clients whose networks are remembered; beyond, all are forgotten and looked up anew. */
const MOST_CLIENTS = 10_000;

export class TenantFinder {
  readonly #logins = new Map<string, Match>();
  readonly #senders = new Map<string, Match>();
  readonly #authors = new Map<string, Match>();
  readonly #networks: { readonly match: Match; readonly has: (ip: string) => boolean }[] = [];
  readonly #clients = new Map<string, Match | undefined>();

  constructor(tenants: Config['tenants']) {
    Object.entries(tenants).forEach(([name, settings], place) => this.#add({ name, place }, settings));
  }

  /** There are tenants that are known by the From field. */
  get looksAtAuthors(): boolean {
    return this.#authors.size > 0;
  }

  /** Undefined when nobody knows client or sender; `sender` as parseAddress() makes it, '' for the null sender. */
  find({ ip, login, trusted }: Client, sender: string): string | undefined {
    let found = login === undefined ? undefined : this.#logins.get(login);
    if (ip !== undefined && this.#networks.length > 0) found = earlier(found, this.#ofClient(ip));
    if (trusted && sender !== '' && this.#senders.size > 0) found = earlier(found, this.#ofSender(sender));
    return found?.name;
  }

  /** Whose mail it is when nothing else says so; `domain`: of the From field, in canonical form. */
  ofAuthor(domain: string): string | undefined {
    return lookUp(this.#authors, domain)?.name;
  }

  #add(match: Match, { networks, logins, senders, from }: TenantSettings): void {
    if (networks.length > 0) this.#networks.push({ match, has: compileNetworks(networks) });
    for (const login of logins) setFirst(this.#logins, login, match);
    for (const sender of senders) setFirst(this.#senders, sender, match);
    for (const domain of from) setFirst(this.#authors, domain, match);
  }

  #ofClient(ip: string): Match | undefined {
    if (this.#clients.has(ip)) return this.#clients.get(ip);
    if (this.#clients.size >= MOST_CLIENTS) this.#clients.clear();
    const found = this.#networks.find(({ has }) => has(ip))?.match;
    this.#clients.set(ip, found);
    return found;
  }

  #ofSender(sender: string): Match | undefined {
    const lower = sender.toLowerCase();
    return earlier(this.#senders.get(lower), lookUp(this.#senders, lower.slice(lower.lastIndexOf('@') + 1)));
  }
}

/** The first of those for the domain itself, and for all below one above it. */
function lookUp(table: ReadonlyMap<string, Match>, domain: string): Match | undefined {
  let found = table.get(domain);
  for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
    found = earlier(found, table.get(domain.slice(dot)));
  }
  return found;
}

function earlier(one: Match | undefined, other: Match | undefined): Match | undefined {
  if (one === undefined) return other;
  return other !== undefined && other.place < one.place ? other : one;
}

function setFirst(table: Map<string, Match>, key: string, match: Match): void {
  if (!table.has(key)) table.set(key, match);
}
