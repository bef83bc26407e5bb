/**
 * Who may send to whom: relay control, and which recipients of our own domains exist.
 *
 * The decision is on the parsed address, the one that is routed later; a percent hack, a bang path or an @ within quotes is
 * a name like any other at our domains, and refused where another server might read it as a route. What the router would
 * bounce as unknown is refused here, while the client still listens: no backscatter.
 */
import type { Config } from '../config/config.ts';
import type { Address } from '../mail/address.ts';
import { compileMailboxes, withoutTag, type FindMailbox } from '../mail/mailboxes.ts';
import { parseMatch, parseVia } from '../mail/route.ts';
import { refusal, type Refusal } from './replies.ts';

export type RecipientRules = Pick<Config, 'hostname' | 'domains' | 'mailboxes' | 'routes'>;

/** Asks whether an alias of that name exists; names are `name` or `name@domain`, in lower case. */
export type HasAlias = (name: string) => boolean;

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

export class RecipientPolicy {
  /** Where <postmaster> without a domain goes. */
  readonly postmasterDomain: string;
  readonly #local: ReadonlySet<string>;
  readonly #relay: ReadonlySet<string>;
  readonly #relayBelow: readonly string[];
  /** Local domains that a route of their own takes elsewhere: who exists there, another server knows. */
  readonly #routed: ReadonlySet<string>;
  readonly #routedAddresses: ReadonlySet<string>;
  readonly #findMailbox: FindMailbox;
  readonly #hasAlias: HasAlias;

  constructor(rules: RecipientRules, hasAlias: HasAlias) {
    const local = rules.domains.local.map((domain) => domain.toLowerCase());
    const relay = rules.domains.relay.map((domain) => domain.toLowerCase());
    this.#local = new Set(local);
    this.#relay = new Set(relay);
    this.#relayBelow = relay.filter((domain) => domain.startsWith('.'));
    const hostname = rules.hostname.toLowerCase();
    this.postmasterDomain = this.#local.has(hostname) ? hostname : (local[0] ?? hostname);
    const matches = rules.routes.flatMap((route) => {
      const match = parseMatch(route.match);
      const via = parseVia(route.via);
      return match.ok && via.ok && via.via.kind !== 'maildir' ? [match.match] : [];
    });
    this.#routed = new Set(
      local.filter((domain) =>
        matches.some(
          (match) =>
            (match.kind === 'domain' && match.domain === domain) ||
            (match.kind === 'below' && domain.endsWith(`.${match.domain}`)),
        ),
      ),
    );
    this.#routedAddresses = new Set(matches.flatMap((match) => (match.kind === 'address' ? [match.address] : [])));
    this.#findMailbox = compileMailboxes(rules.mailboxes);
    this.#hasAlias = hasAlias;
  }

  /** Undefined when the recipient is welcome. `trusted`: the client may relay. */
  judge(address: Address, trusted: boolean): Refusal | undefined {
    if (this.#local.has(address.domain)) return this.#exists(address) ? undefined : UNKNOWN_USER;
    if (trusted) return undefined;
    if (!this.#relays(address.domain)) return RELAY_DENIED;
    return /[%!@]/.test(address.local) ? ROUTE_IN_NAME : undefined;
  }

  #exists({ local, domain, address }: Address): boolean {
    const name = local.toLowerCase();
    if (name === 'postmaster' || this.#routed.has(domain)) return true;
    if (this.#findMailbox(local, domain) !== undefined) return true;
    if (this.#routedAddresses.has(address.toLowerCase())) return true;
    return [name, withoutTag(name)].some((one) => this.#hasAlias(one) || this.#hasAlias(`${one}@${domain}`));
  }

  #relays(domain: string): boolean {
    return this.#relay.has(domain) || this.#relayBelow.some((below) => domain.endsWith(below));
  }
}
