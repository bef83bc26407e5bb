/**
 * summary: how much waits for whom, and how long already (as qshape shows it).
 *
 * Counts recipients, by domain, next hop or sender's domain. Memory holds a bounded number of rows: what comes after
 * the ten-thousandth name is counted under `others`.
 */
import { EX } from '../../base/sysexits.ts';
import { domainOf } from '../../mail/address.ts';
import type { RecipientState } from '../../queue/fold.ts';
import type { QueuedMessage } from '../../queue/queued-message.ts';
import type { Column } from '../common/table.ts';
import { printTable } from '../common/table.ts';
import type { Reading } from './read-verbs.ts';
import { findMessages } from './source.ts';

export const SUMMARY_BY = ['domain', 'hop', 'sender'] as const;
export type SummaryBy = (typeof SUMMARY_BY)[number];

/** Upper bounds of the columns, in minutes; the last column has none. */
const BOUNDS = [5, 10, 20, 40, 80, 160, 320, 640, 1280] as const;
const LEGEND = 'T: recipients in all; the columns are minutes of age: younger than the number that stands above';
const MAX_ROWS = 10_000;

export interface SummaryRow {
  readonly name: string;
  total: number;
  /** One more than BOUNDS: what is older comes last. */
  readonly ages: number[];
}

/** Counts while messages pass by. */
class Summary {
  readonly total: SummaryRow = emptyRow('TOTAL');
  readonly #rows = new Map<string, SummaryRow>();
  readonly #by: SummaryBy;

  constructor(by: SummaryBy) {
    this.#by = by;
  }

  add(message: QueuedMessage, now: number): void {
    const minutes = (now - message.envelope.received) / 60_000;
    const bucket = BOUNDS.findIndex((bound) => minutes < bound);
    const column = bucket === -1 ? BOUNDS.length : bucket;
    for (const recipient of message.recipients) {
      for (const row of [this.total, this.#row(nameOf(message, recipient, this.#by))]) {
        row.total += 1;
        row.ages[column] = (row.ages[column] ?? 0) + 1;
      }
    }
  }

  /** The largest first. */
  rows(): readonly SummaryRow[] {
    return [...this.#rows.values()].sort((a, b) => b.total - a.total || (a.name < b.name ? -1 : 1));
  }

  #row(name: string): SummaryRow {
    const known = this.#rows.get(name);
    if (known) return known;
    const key = this.#rows.size >= MAX_ROWS ? 'others' : name;
    const row = this.#rows.get(key) ?? emptyRow(key);
    this.#rows.set(key, row);
    return row;
  }
}

/** `queue summary`. */
export async function summarise({ context, source, selector, json, limit }: Reading, by: SummaryBy): Promise<number> {
  const now = Date.now();
  const summary = new Summary(by);
  for await (const message of findMessages(source, selector)) summary.add(message, now);
  const rows = [summary.total, ...summary.rows().slice(0, limit)];
  if (json) for (const row of rows) await context.out.json(rowJson(row));
  else {
    await printTable(context.out, columns(by), rows);
    await context.out.line(LEGEND);
  }
  return EX.OK;
}

function emptyRow(name: string): SummaryRow {
  return { name, total: 0, ages: Array.from({ length: BOUNDS.length + 1 }, () => 0) };
}

function nameOf(message: QueuedMessage, recipient: RecipientState, by: SummaryBy): string {
  if (by === 'sender') return domainOf(message.envelope.sender) || '<>';
  if (by === 'hop' && recipient.hop) return `${recipient.hop.channel} ${recipient.hop.next}`.trim();
  return domainOf(recipient.address);
}

function columns(by: SummaryBy): readonly Column<SummaryRow>[] {
  const names = [...BOUNDS.map(String), `${BOUNDS.at(-1)}+`];
  return [
    { title: by.toUpperCase(), cell: (row) => row.name },
    { title: 'T', cell: (row) => String(row.total), align: 'right' },
    ...names.map((title, index) => ({
      title,
      cell: (row: SummaryRow) => String(row.ages[index] ?? 0),
      align: 'right' as const,
    })),
  ];
}

function rowJson(row: SummaryRow): Record<string, unknown> {
  const names = [...BOUNDS.map(String), `${BOUNDS.at(-1)}+`];
  return {
    name: row.name,
    total: row.total,
    minutes: Object.fromEntries(names.map((name, at) => [name, row.ages[at] ?? 0])),
  };
}
