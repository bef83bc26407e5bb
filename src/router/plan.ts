/**
 * From the envelope of one message to its parts: recipients by hop, and the expansions that must be durable first.
 *
 * Pure: no clock, no disk, no socket. Each address ends up in one part at most. What comes from the injector holds
 * recipients of an earlier expansion too: they are known by not being in the envelope, and are not expanded again.
 */
import type { Envelope } from '../mail/envelope.ts';
import type { Hop, Notice, Reply } from '../mail/outcome.ts';
import { identityOf } from '../mail/address.ts';
import { expandAddress, type AliasRules } from './expand.ts';
import { failWith, type Destination, type RoutingTable } from './table.ts';

/** As Part of src/ipc/messages.ts, the fields that a router fills. */
export interface PlannedPart {
  readonly hop: Hop;
  readonly to: readonly string[];
  readonly reply?: Reply;
  readonly notice?: Notice;
}

export interface PlannedExpansion {
  readonly alias: string;
  readonly into: readonly string[];
  /** The sender asked to be told: the alias is finished when its report is in the queue, which one of the parts asks for. */
  readonly told?: boolean;
}

export interface Plan {
  readonly parts: readonly PlannedPart[];
  readonly expansions: readonly PlannedExpansion[];
}

export interface PlanRules {
  readonly table: RoutingTable;
  readonly aliases: AliasRules;
}

/** Recipients of one message after expansion: their frame must stay below the 16 MiB of a line, at 254 octets each. */
const MAX_RECIPIENTS = 50_000;
const TOO_MANY: Reply = {
  code: 550,
  status: '5.2.4',
  text: 'The aliases of this message name too many recipients',
  class: 'policy',
};
const BOUNCE: Hop = { channel: 'bounce', next: '' };
const NOBODY: ReadonlySet<string> = new Set();
/** Nothing of who stands behind a name. */
export const EXPANDED: Reply = {
  code: 250,
  status: '2.0.0',
  text: 'went on to the addresses that this name stands for',
};
const NO_EXPANSIONS: readonly PlannedExpansion[] = [];

/** Which recipients are to be planned, as the fields of the same names of Accepted. */
export interface Wanted {
  /** Absent: all of the envelope. */
  readonly only?: readonly string[] | undefined;
  /** To be routed, and not expanded: what stood in the place of one may be delivered by now. */
  readonly tried?: readonly string[] | undefined;
}

/** Plans the wanted recipients of the envelope, or of an earlier expansion. */
export function planMessage(envelope: Envelope, wanted: Wanted, rules: PlanRules): Plan {
  const { only } = wanted;
  const single = only === undefined && envelope.recipients.length === 1 ? envelope.recipients[0]?.address : undefined;
  if (single === undefined || expandAddress(single, rules.aliases).kind !== 'plain')
    return planMany(envelope, wanted, rules);
  return { parts: [asPart(rules.table.route(single), [single])], expansions: NO_EXPANSIONS };
}

function planMany(envelope: Envelope, { only, tried = [] }: Wanted, { table, aliases }: PlanRules): Plan {
  const own = envelope.recipients.map((one) => one.address);
  const original = only === undefined ? undefined : new Set(own);
  for (const address of tried) original?.delete(address);
  const parts = new PartCollector(table);
  const expanded: PlannedExpansion[] = [];
  for (const address of only ?? own) {
    const expansion = original === undefined || original.has(address) ? expandAddress(address, aliases) : undefined;
    if (expansion?.kind === 'into') expanded.push({ alias: address, into: expansion.into });
    else if (expansion?.kind === 'failed') parts.fail(address, expansion.reply);
    else parts.add(address);
  }
  if (expanded.length === 0) return { parts: parts.list(), expansions: NO_EXPANSIONS };
  const expansions = placeLeaves(expanded, envelope, parts, aliases.isLocal);
  const notice = noticeOf(expansions);
  return { parts: notice === undefined ? parts.list() : [...parts.list(), notice], expansions };
}

/** Adds the leaves to the parts; those that the envelope names anyway are waiting or finished under their own name. */
function placeLeaves(
  expanded: readonly PlannedExpansion[],
  envelope: Envelope,
  parts: PartCollector,
  isLocal: (domain: string) => boolean,
): PlannedExpansion[] {
  const told = toldOf(envelope);
  const named = new Map(envelope.recipients.map(({ address }) => [identityOf(address, isLocal), address]));
  const expansions: PlannedExpansion[] = [];
  for (const { alias, into } of expanded) {
    if (parts.size + into.length > MAX_RECIPIENTS) {
      parts.fail(alias, TOO_MANY);
      continue;
    }
    for (const leaf of into) if (!named.has(leaf)) parts.add(leaf);
    expansions.push({
      alias,
      into: into.map((leaf) => named.get(leaf) ?? leaf),
      ...(told.has(alias) && { told: true }),
    });
  }
  return expansions;
}

/** Recipients of whose expansion the sender wants to be told (RFC 3461 section 5.2.7). */
function toldOf({ sender, recipients }: Envelope): ReadonlySet<string> {
  if (sender === '') return NOBODY;
  return new Set(
    recipients.flatMap(({ address, dsn }) => (dsn?.notify?.includes('SUCCESS') === true ? [address] : [])),
  );
}

/** What asks for the report of them. */
function noticeOf(expansions: readonly PlannedExpansion[]): PlannedPart | undefined {
  const to = expansions.flatMap(({ alias, told }) => (told === true ? [alias] : []));
  return to.length === 0 ? undefined : { hop: BOUNCE, to, reply: EXPANDED, notice: 'expanded' };
}

/** Gathers recipients by hop and answer, in order of appearance, each address once. */
class PartCollector {
  readonly #table: RoutingTable;
  readonly #parts = new Map<string, { readonly where: Destination; readonly to: string[] }>();
  readonly #seen = new Set<string>();

  constructor(table: RoutingTable) {
    this.#table = table;
  }

  /** Recipients so far. */
  get size(): number {
    return this.#seen.size;
  }

  add(address: string): void {
    if (!this.#seen.has(address)) this.#put(address, this.#table.route(address));
  }

  fail(address: string, reply: Reply): void {
    if (!this.#seen.has(address)) this.#put(address, failWith(reply));
  }

  list(): PlannedPart[] {
    return Array.from(this.#parts.values(), (part) => asPart(part.where, part.to));
  }

  #put(address: string, where: Destination): void {
    this.#seen.add(address);
    const { channel, next } = where.hop;
    const key = `${channel} ${next} ${where.reply?.status ?? ''} ${where.reply?.text ?? ''}`;
    const part = this.#parts.get(key);
    if (part === undefined) this.#parts.set(key, { where, to: [address] });
    else part.to.push(address);
  }
}

function asPart(where: Destination, to: readonly string[]): PlannedPart {
  return where.reply === undefined ? { hop: where.hop, to } : { hop: where.hop, to, reply: where.reply };
}
