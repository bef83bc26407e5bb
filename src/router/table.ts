/**
 * The routing table: from the address of one recipient to its hop, or to the answer that refuses it.
 *
 * Compiled once from the configuration, then only looked up in: Maps throughout, so `constructor` and `__proto__` are
 * names like any other, and nothing of an address reaches a pattern, a path or a command. It knows nothing of aliases,
 * looks up no name and keeps no message.
 */
import { domainOf, localOf } from '../mail/address.ts';
import { DRILL_DOMAIN, drillHop, isDrillRun } from '../mail/drill-address.ts';
import { compileMailboxes, type FindMailbox } from '../mail/mailboxes.ts';
import type { Hop, Reply } from '../mail/outcome.ts';
import { addressOfLiteral, isPrivateAddress } from '../mail/private-address.ts';
import { parseMatch, parseVia, type Via } from '../mail/route.ts';

/** The part of the configuration that routing depends on. */
export interface RoutingRules {
  readonly domains: { readonly local: readonly string[]; readonly relay: readonly string[] };
  readonly mailboxes: '*' | readonly string[];
  readonly routes: readonly { readonly match: string; readonly via: string }[];
  /** Connect to address literals of private networks. */
  readonly allowPrivate: boolean;
}

/** Where one recipient goes. With `reply`, the hop is the bounce channel, and the reply says why. */
export interface Destination {
  readonly hop: Hop;
  readonly reply?: Reply;
}

const BOUNCE: Hop = { channel: 'bounce', next: '' };
/** Destinations by domain that are kept; beyond, all are forgotten and made anew. */
const MAX_KNOWN = 20_000;

const UNKNOWN_MAILBOX = failWith({ code: 550, status: '5.1.1', text: 'No such mailbox here; check the address' });
const PRIVATE_LITERAL = failWith({
  code: 550,
  status: '5.1.2',
  text: 'This address literal is not a host of the public internet',
});

interface Rule {
  readonly order: number;
  readonly via: Via;
}

export class RoutingTable {
  readonly #local: ReadonlySet<string>;
  readonly #findMailbox: FindMailbox;
  readonly #allowPrivate: boolean;
  readonly #addresses = new Map<string, Rule>();
  readonly #domains = new Map<string, Rule>();
  readonly #below = new Map<string, Rule>();
  #any: Rule | undefined;
  /** Destinations of domains where every recipient goes the same way. */
  readonly #known = new Map<string, Destination>();

  /** Routes that do not parse are left out: the configuration was checked before it came here. */
  constructor(rules: RoutingRules) {
    this.#local = new Set(rules.domains.local.map((domain) => domain.toLowerCase()));
    this.#findMailbox = compileMailboxes(rules.mailboxes);
    this.#allowPrivate = rules.allowPrivate;
    rules.routes.forEach((route, order) => this.#add(route.match, route.via, order));
  }

  isLocal(domain: string): boolean {
    return this.#local.has(domain);
  }

  /** The destination of an address as parseAddress() makes it. */
  route(address: string): Destination {
    const domain = domainOf(address);
    const known = this.#known.get(domain);
    if (known !== undefined) return known;
    if (domain === DRILL_DOMAIN && isDrillRun(localOf(address))) return { hop: drillHop(localOf(address)) };
    const local = this.#local.has(domain);
    // A star stands for the rest of the world, wherever it stands in the list.
    const rule = this.#ruleFor(address, domain, local ? undefined : this.#any);
    if (local && rule === undefined) return this.#toMailbox(address, domain);
    const destination = this.#follow(rule?.via ?? { kind: 'mx' }, address, domain);
    const same = rule?.via.kind !== 'maildir' && this.#addresses.size === 0 && domain !== DRILL_DOMAIN;
    if (same) this.#remember(domain, destination);
    return destination;
  }

  #add(match: string, via: string, order: number): void {
    const from = parseMatch(match);
    const to = parseVia(via);
    if (!from.ok || !to.ok) return;
    const rule: Rule = { order, via: to.via };
    // The first of two equal matches wins, as in a list that is read from the top.
    if (from.match.kind === 'any') this.#any ??= rule;
    else if (from.match.kind === 'address') setFirst(this.#addresses, from.match.address, rule);
    else setFirst(from.match.kind === 'domain' ? this.#domains : this.#below, from.match.domain, rule);
  }

  /** The first rule of the list that matches; `any` is the one that matches always. */
  #ruleFor(address: string, domain: string, any: Rule | undefined): Rule | undefined {
    let best = any;
    if (this.#addresses.size > 0) best = earlier(best, this.#addresses.get(address.toLowerCase()));
    best = earlier(best, this.#domains.get(domain));
    if (this.#below.size > 0) {
      for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
        best = earlier(best, this.#below.get(domain.slice(dot + 1)));
      }
    }
    return best;
  }

  #follow(via: Via, address: string, domain: string): Destination {
    switch (via.kind) {
      case 'hop':
        return { hop: via.hop };
      case 'bounce':
        return failWith(via.reply);
      case 'maildir':
        return this.#toMailbox(address, domain);
      case 'mx':
        return this.#toMx(domain);
    }
  }

  #toMailbox(address: string, domain: string): Destination {
    const mailbox = this.#findMailbox(localOf(address), domain);
    if (mailbox === undefined) return UNKNOWN_MAILBOX;
    return { hop: { channel: 'maildir', next: `${domain}/${mailbox}` } };
  }

  #toMx(domain: string): Destination {
    const literal = addressOfLiteral(domain);
    if (literal === undefined) return { hop: { channel: 'smtp', next: `mx:${domain}` } };
    if (!this.#allowPrivate && isPrivateAddress(literal)) return PRIVATE_LITERAL;
    return { hop: { channel: 'smtp', next: `[${literal}]:25` } };
  }

  #remember(domain: string, destination: Destination): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(domain, destination);
  }
}

/** The destination of what cannot be delivered: the bounce channel, with the answer that the sender will read. */
export function failWith(reply: Reply): Destination {
  return { hop: BOUNCE, reply };
}

function earlier(one: Rule | undefined, other: Rule | undefined): Rule | undefined {
  if (one === undefined) return other;
  return other !== undefined && other.order < one.order ? other : one;
}

function setFirst(rules: Map<string, Rule>, key: string, rule: Rule): void {
  if (!rules.has(key)) rules.set(key, rule);
}
