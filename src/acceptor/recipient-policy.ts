/**
 * Who may send to whom: relay control, and which recipients of our own domains exist.
 *
 * The decision is on the parsed address, the one that is routed later; a percent hack, a bang path or an @ within quotes is
 * a name like any other at our domains, and refused where another server might read it as a route. What the router would
 * bounce as unknown is refused here, while the client still listens: no backscatter.
 */
import type { Config } from '../config/config.ts';
import { identityOf, type Address } from '../mail/address.ts';
import { findAlias } from '../mail/aliases.ts';
import { DRILL_DOMAIN, isDrillRun } from '../mail/drill-address.ts';
import { compileMailboxes, type FindMailbox } from '../mail/mailboxes.ts';
import { parseMatch, parseVia, type Match, type Via } from '../mail/route.ts';
import { refusal, type Refusal } from './replies.ts';

export type RecipientRules = Pick<Config, 'hostname' | 'domains' | 'mailboxes' | 'routes'>;

/** Asks whether an alias of that name exists; names are `name` or `name@domain`, in lower case. */
export type HasAlias = (name: string) => boolean;

/** Asks whether the drill with this id runs. Only asked of recipients of a drill: it may read a file. */
export type IsDrill = (run: string) => boolean;

const UNKNOWN_USER = refusal(550, '5.1.1', 'unknown-user', 'No such mailbox here; check the address');
const RELAY_DENIED = refusal(
  550,
  '5.7.1',
  'relay-denied',
  'Relaying denied: this server takes mail from your address only for its own domains',
);
const ROUTE_IN_NAME = refusal(
  550,
  '5.7.1',
  'sender-route',
  'Relaying denied: addresses with a route in the local part (% or ! or @) are not passed on',
);

const ROUTE = /[%!@]/;

interface Rule {
  readonly match: Match;
  readonly via: Via;
}

export class RecipientPolicy {
  /** Where <postmaster> without a domain goes. */
  readonly postmasterDomain: string;
  readonly #local: ReadonlySet<string>;
  readonly #relay: ReadonlySet<string>;
  readonly #relayBelow: readonly string[];
  readonly #rules: readonly Rule[];
  readonly #findMailbox: FindMailbox;
  readonly #hasAlias: HasAlias;
  readonly #isDrill: IsDrill;

  constructor(rules: RecipientRules, hasAlias: HasAlias, isDrill: IsDrill = () => false) {
    const local = rules.domains.local.map((domain) => domain.toLowerCase());
    const relay = rules.domains.relay.map((domain) => domain.toLowerCase());
    this.#local = new Set(local);
    this.#relay = new Set(relay);
    this.#relayBelow = relay.filter((domain) => domain.startsWith('.'));
    const hostname = rules.hostname.toLowerCase();
    this.postmasterDomain = this.#local.has(hostname) ? hostname : (local[0] ?? hostname);
    this.#rules = rules.routes.flatMap((route) => {
      const match = parseMatch(route.match);
      const via = parseVia(route.via);
      return match.ok && via.ok ? [{ match: match.match, via: via.via }] : [];
    });
    this.#findMailbox = compileMailboxes(rules.mailboxes);
    this.#hasAlias = hasAlias;
    this.#isDrill = isDrill;
  }

  /** Undefined when the recipient is welcome. `trusted`: the client may relay. */
  judge(address: Address, trusted: boolean): Refusal | undefined {
    if (this.#local.has(address.domain)) return this.#judgeLocal(address, trusted);
    if (address.domain === DRILL_DOMAIN && isDrillRun(address.local) && this.#isDrill(address.local)) return undefined;
    if (!trusted && !this.#relays(address.domain)) return RELAY_DENIED;
    if (!trusted && ROUTE.test(address.local)) return ROUTE_IN_NAME;
    return this.#follow(address, this.#ruleFor(address));
  }

  /** One name for the spellings of one recipient. */
  identityOf(address: Address): string {
    return identityOf(address.address, (domain) => this.#local.has(domain));
  }

  /** As the router goes: aliases first, then a route for the domain or the address, then the mailboxes. */
  #judgeLocal(address: Address, trusted: boolean): Refusal | undefined {
    const name = address.local.toLowerCase();
    if (name === 'postmaster' || findAlias(address.address, this.#hasAlias) !== undefined) return undefined;
    const rule = this.#ruleFor(address, 'local');
    if (rule === undefined) return this.#judgeMailbox(address);
    // Behind a hop stands another server, which trusts us and may read a route in the name.
    if (rule.via.kind === 'hop' && !trusted && ROUTE.test(address.local)) return ROUTE_IN_NAME;
    return this.#follow(address, rule);
  }

  /** A route that bounces says so here, where the client hears it. */
  #follow(address: Address, rule: Rule | undefined): Refusal | undefined {
    if (rule?.via.kind === 'maildir') return this.#judgeMailbox(address);
    if (rule?.via.kind !== 'bounce') return undefined;
    const { code, status, text } = rule.via.reply;
    return refusal(code, status, 'route', text);
  }

  #judgeMailbox({ local, domain }: Address): Refusal | undefined {
    return this.#findMailbox(local, domain) === undefined ? UNKNOWN_USER : undefined;
  }

  #ruleFor({ address, domain }: Address, where: 'local' | 'elsewhere' = 'elsewhere'): Rule | undefined {
    return this.#rules.find(({ match }) => {
      if (match.kind === 'any') return where === 'elsewhere';
      if (match.kind === 'address') return match.address === address.toLowerCase();
      return match.kind === 'domain' ? match.domain === domain : domain.endsWith(`.${match.domain}`);
    });
  }

  #relays(domain: string): boolean {
    return this.#relay.has(domain) || this.#relayBelow.some((below) => domain.endsWith(below));
  }
}
