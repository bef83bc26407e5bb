/**
 * summary: how much waits for whom, and how long already, as Postfix's qshape shows it. Counts recipients. Where a farm runs it is asked
 * for the next hops and replies of what was never tried.
 *
 * Memory holds a bounded number of rows. When there are more, the smallest are put together as `others`: of what is large, no more is lost
 * than it had while it was small.
 */
import { EX } from '../../base/sysexits.ts';
import { oneLine } from '../../base/text.ts';
import { domainOf } from '../../mail/address.ts';
import type { RecipientState } from '../../queue/fold.ts';
import type { QueuedMessage } from '../../queue/queued-message.ts';
import { printTable } from '../common/table.ts';
import { seenByFarm } from './farm-view.ts';
import type { Reading } from './read-verbs.ts';
import { hopOf, replyWords } from './recipient-tests.ts';
import type { Selector } from './selectors.ts';
import { findMessages } from './source.ts';
import { AGE_BOUNDS, AGE_NAMES, layOut, type SummaryRow } from './summary-table.ts';

export const SUMMARY_BY = ['domain', 'sender', 'sender-domain', 'hop', 'tenant', 'state', 'reply'] as const;
export type SummaryBy = (typeof SUMMARY_BY)[number];

const MAX_ROWS = 10_000;
const OTHERS = 'others';
const LONGEST_NAME = 200;

/** Counts while messages pass by. */
export class Summary {
  readonly total: SummaryRow = emptyRow('TOTAL');
  readonly #most: number;
  #rows = new Map<string, SummaryRow>();
  #others: SummaryRow | undefined;

  /** `most`: rows that are kept when there are more than twice as many. */
  constructor(most = MAX_ROWS) {
    this.#most = most;
  }

  /** `minutes`: of age. */
  add(name: string, minutes: number): void {
    const bucket = AGE_BOUNDS.findIndex((bound) => minutes < bound);
    const column = bucket === -1 ? AGE_BOUNDS.length : bucket;
    count(this.total, column);
    count(this.#row(name), column);
  }

  /** The largest first; what was put together last. */
  rows(): readonly SummaryRow[] {
    return [...this.#sorted(), ...(this.#others ? [this.#others] : [])];
  }

  #sorted(): SummaryRow[] {
    return [...this.#rows.values()].sort((a, b) => b.total - a.total || (a.name < b.name ? -1 : 1));
  }

  #row(name: string): SummaryRow {
    const known = this.#rows.get(name);
    if (known) return known;
    if (this.#rows.size >= this.#most * 2) this.#putTogether();
    const row = emptyRow(name);
    this.#rows.set(name, row);
    return row;
  }

  #putTogether(): void {
    const sorted = this.#sorted();
    this.#others ??= emptyRow(OTHERS);
    for (const row of sorted.slice(this.#most)) addTo(this.#others, row);
    this.#rows = new Map(sorted.slice(0, this.#most).map((row) => [row.name, row]));
  }
}

/** `queue summary`. */
export async function summarise(reading: Reading, by: SummaryBy): Promise<number> {
  const { context, selector, json, limit } = reading;
  const now = Date.now();
  const summary = new Summary();
  for await (const message of counted(reading, by)) {
    const minutes = (now - message.envelope.received) / 60_000;
    for (const recipient of meant(message, selector)) summary.add(nameOf(message, recipient, by), minutes);
  }
  const rows = [summary.total, ...summary.rows().slice(0, limit)];
  if (json) {
    for (const row of rows) if (!(await context.out.json(rowJson(row)))) break;
    return EX.OK;
  }
  const width = context.out.columns ?? Infinity;
  const { columns, legend } = layOut(by.toUpperCase(), rows, width);
  await printTable(context.out, columns, rows);
  await context.out.line(legend);
  return EX.OK;
}

function counted({ source, selector, farm }: Reading, by: SummaryBy): AsyncIterable<QueuedMessage> {
  const found = findMessages(source, selector);
  const asks = (by === 'hop' || by === 'reply') && !selector.asksFarm;
  return asks ? seenByFarm(found, farm) : found;
}

/** Of a message that was chosen for some recipients, those. */
function meant({ recipients }: QueuedMessage, selector: Selector): readonly RecipientState[] {
  return recipients.filter((one) => selector.means(one));
}

function emptyRow(name: string): SummaryRow {
  return { name, total: 0, ages: AGE_NAMES.map(() => 0) };
}

function count(row: SummaryRow, column: number): void {
  row.total += 1;
  row.ages[column] = (row.ages[column] ?? 0) + 1;
}

function addTo(row: SummaryRow, other: SummaryRow): void {
  row.total += other.total;
  other.ages.forEach((number, at) => (row.ages[at] = (row.ages[at] ?? 0) + number));
}

function nameOf(message: QueuedMessage, recipient: RecipientState, by: SummaryBy): string {
  switch (by) {
    case 'domain':
      return domainOf(recipient.address);
    case 'sender':
      return message.envelope.sender || '<>';
    case 'sender-domain':
      return domainOf(message.envelope.sender) || '<>';
    case 'tenant':
      return message.envelope.tenant;
    case 'state':
      return message.where === 'deleted' ? 'deleted' : recipient.state;
    case 'hop':
      return hopName(recipient);
    case 'reply':
      return replyName(recipient);
  }
}

/** As `mailfarm status` names bins, but for mailboxes, which have one bin in all. */
function hopName(recipient: RecipientState): string {
  const hop = hopOf(recipient);
  return hop ? `${hop.channel} ${hop.next}`.trim() : '(not routed yet)';
}

/** Without what differs from recipient to recipient: addresses and long numbers. */
function replyName({ reply, address }: RecipientState): string {
  if (!reply) return '(never tried)';
  const words = replyWords({ ...reply, text: reply.text.replaceAll(address, '…') });
  return oneLine(words.replaceAll(/<[^<>@\s]{1,64}@[^<>\s]{1,255}>/g, '<…>').replaceAll(/\d{6,}/g, '…'), LONGEST_NAME);
}

function rowJson(row: SummaryRow): Record<string, unknown> {
  return {
    name: row.name,
    total: row.total,
    minutes: Object.fromEntries(AGE_NAMES.map((name, at) => [name, row.ages[at] ?? 0])),
  };
}
