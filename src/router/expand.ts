/**
 * Aliases: the recipients that stand in the place of one local address, found with guards against loops, depth and
 * fan-out. The result holds leaves only (addresses that no alias names any more), each once and in order.
 *
 * An alias may name itself, `root: root, admin@example.org`: its own mailbox then gets a copy. That leaf is written with
 * an empty tag, `root+@domain`, which is never expanded again. Otherwise the address would be expanded and still waiting
 * at the same time, and a crash could send the mail to everybody twice, or to the mailbox not at all.
 */
import { findAlias, type AliasTable } from '../mail/aliases.ts';
import { domainOf, localOf } from '../mail/address.ts';
import { withoutTag } from '../mail/mailboxes.ts';
import type { Reply } from '../mail/outcome.ts';

export interface AliasRules {
  readonly aliases: AliasTable;
  readonly isLocal: (domain: string) => boolean;
  /** Aliases in a row, each leading to the next, that are followed. */
  readonly depth: number;
  /** Addresses that one recipient may expand to. */
  readonly fanout: number;
}

export type Expansion =
  /** No alias names this address. */
  | { readonly kind: 'plain' }
  | { readonly kind: 'into'; readonly into: readonly string[] }
  /** A guard was hit: nothing is delivered for this recipient, its sender is told. */
  | { readonly kind: 'failed'; readonly reply: Reply };

const PLAIN: Expansion = { kind: 'plain' };
const LOOP: Reply = { code: 550, status: '5.4.6', text: 'The aliases of this address lead back to themselves' };
const TOO_DEEP: Reply = { code: 550, status: '5.4.6', text: 'The aliases of this address are nested too deeply' };
const TOO_MANY: Reply = {
  code: 550,
  status: '5.2.4',
  text: 'This address expands to too many recipients',
  class: 'policy',
};

/** Expands one address, as parseAddress() makes it, through all its aliases. */
export function expandAddress(address: string, rules: AliasRules): Expansion {
  const domain = domainOf(address);
  if (rules.aliases.size === 0 || !rules.isLocal(domain)) return PLAIN;
  const key = findAlias(address, (name) => rules.aliases.has(name));
  if (key === undefined) return PLAIN;
  const walk = new AliasWalk(rules);
  const trouble = walk.follow(key, domain);
  return trouble === undefined ? { kind: 'into', into: [...walk.leaves.values()] } : { kind: 'failed', reply: trouble };
}

class AliasWalk {
  /** By identity. */
  readonly leaves = new Map<string, string>();
  readonly #rules: AliasRules;
  /** Aliases between the first one and here. */
  readonly #path = new Set<string>();
  /** Aliases that were followed to their ends; a second way to them adds nothing. */
  readonly #finished = new Set<string>();

  constructor(rules: AliasRules) {
    this.#rules = rules;
  }

  /** Collects the leaves of an alias in this domain; gives the answer when a guard was hit. */
  follow(key: string, domain: string): Reply | undefined {
    const node = key.includes('@') ? key : `${key}@${domain}`;
    if (this.#finished.has(node)) return undefined;
    if (this.#path.has(node)) return LOOP;
    if (this.#path.size >= this.#rules.depth) return TOO_DEEP;
    if (this.#finished.size >= this.#rules.fanout) return TOO_MANY;
    this.#path.add(node);
    for (const target of this.#rules.aliases.get(key) ?? []) {
      const trouble = this.#visit(isFullAddress(target) ? target : `${target}@${domain}`, key);
      if (trouble !== undefined) return trouble;
    }
    this.#path.delete(node);
    this.#finished.add(node);
    return undefined;
  }

  #visit(address: string, from: string): Reply | undefined {
    const domain = domainOf(address);
    const local = this.#rules.isLocal(domain);
    const key = local ? findAlias(address, (name) => this.#rules.aliases.has(name)) : undefined;
    if (key === undefined) return this.#addLeaf(local ? address.toLowerCase() : address);
    if (key === from) return this.#addLeaf(`${withoutTag(localOf(address)).toLowerCase()}+@${domain}`);
    return this.follow(key, domain);
  }

  #addLeaf(address: string): Reply | undefined {
    this.leaves.set(address, address);
    return this.leaves.size > this.#rules.fanout ? TOO_MANY : undefined;
  }
}

/** A target with a domain. A quoted local part may hold an `@` of its own. */
function isFullAddress(target: string): boolean {
  return target.lastIndexOf('@') > target.lastIndexOf('"');
}
