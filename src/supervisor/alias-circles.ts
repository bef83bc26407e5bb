/** Aliases that lead back to themselves, for --check: mail for them is bounced, and nothing says so before. */
import { domainOf, localOf } from '../mail/address.ts';
import { findAlias, type AliasTable } from '../mail/aliases.ts';

/** More than anybody mends at once. */
const MAX_CIRCLES = 20;

/** Each circle once, as `postmaster -> abuse -> postmaster`. An alias that names itself keeps its mailbox: that is none. */
export function findCircles(table: AliasTable, localDomains: readonly string[]): readonly string[] {
  const [home] = localDomains;
  if (home === undefined) return [];
  const search = new Search(table, new Set(localDomains), home);
  for (const key of table.keys()) search.from(isFull(key) ? key : `${key}@${home}`);
  return search.circles;
}

/** Nodes are aliases with their domain. It walks without recursion: aliases may be nested as deep as the file is long. */
class Search {
  readonly circles: string[] = [];
  readonly #done = new Set<string>();
  /** The way to where we are, and what is left to try from each of its nodes. */
  readonly #path = new Map<string, string[]>();

  readonly #table: AliasTable;
  readonly #local: ReadonlySet<string>;
  readonly #home: string;

  constructor(table: AliasTable, local: ReadonlySet<string>, home: string) {
    this.#table = table;
    this.#local = local;
    this.#home = home;
  }

  from(start: string): void {
    const stack: string[] = [];
    const enter = (node: string): void => {
      if (this.#path.has(node)) this.#note(node);
      else if (!this.#done.has(node)) {
        this.#path.set(node, this.#next(node));
        stack.push(node);
      }
    };
    enter(start);
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      const target = this.#path.get(node)?.pop();
      if (target !== undefined) {
        enter(target);
        continue;
      }
      stack.pop();
      this.#path.delete(node);
      this.#done.add(node);
    }
  }

  #note(node: string): void {
    const way = [...this.#path.keys()];
    if (this.circles.length >= MAX_CIRCLES) return;
    const names = [...way.slice(way.indexOf(node)), node];
    this.circles.push(names.map((name) => (domainOf(name) === this.#home ? localOf(name) : name)).join(' -> '));
  }

  /** Aliases that this one leads to, itself left out; the first one last. */
  #next(node: string): string[] {
    const targets = this.#table.get(node) ?? this.#table.get(localOf(node)) ?? [];
    const aliases = targets.map((target) => this.#aliasOf(isFull(target) ? target : `${target}@${domainOf(node)}`));
    return aliases.filter((found) => found !== undefined && found !== node).toReversed() as string[];
  }

  #aliasOf(address: string): string | undefined {
    const domain = domainOf(address);
    const key = this.#local.has(domain) ? findAlias(address, (name) => this.#table.has(name)) : undefined;
    return key === undefined || isFull(key) ? key : `${key}@${domain}`;
  }
}

/** With a domain. A quoted local part may hold an `@` of its own. */
function isFull(target: string): boolean {
  return target.lastIndexOf('@') > target.lastIndexOf('"');
}
