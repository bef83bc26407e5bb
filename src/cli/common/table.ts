/**
 * Aligned tables, for a terminal or a pipe. Every cell is made safe first: what came with a stored message moves no
 * cursor. Long tables are printed a page at a time; the first page settles the widths, so memory does not grow.
 */
import { oneLine } from '../../base/text.ts';
import type { Output } from './context.ts';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly align?: 'right';
  /** Longer cells are cut; default 60. */
  readonly max?: number;
}

const PAGE = 200;
const MAX_CELL = 60;
const GAP = '  ';

/** Prints rows under a line of titles. Nothing at all for no rows; the number of rows printed is returned. */
export async function printTable<Row>(
  out: Output,
  columns: readonly Column<Row>[],
  rows: Iterable<Row> | AsyncIterable<Row>,
): Promise<number> {
  let printed = 0;
  let page: string[][] = [];
  let widths: readonly number[] | undefined;
  const flush = async (): Promise<void> => {
    if (page.length === 0) return;
    const lines = widths ? [] : [columns.map((column) => column.title)];
    widths ??= widthsOf(columns, page);
    const all = [...lines, ...page].map((cells) => formatRow(columns, cells, widths ?? []));
    page = [];
    await out.write(all.join(''));
  };
  for await (const row of rows) {
    page.push(columns.map((column) => oneLine(column.cell(row), column.max ?? MAX_CELL)));
    printed += 1;
    if (page.length >= PAGE) await flush();
    if (out.gone) break;
  }
  await flush();
  return printed;
}

/** `name: value` lines with the values in one column. */
export function formatPairs(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...pairs.map(([name]) => displayWidth(name)));
  return pairs.map(([name, value]) => `${pad(`${name}:`, width + 1)} ${oneLine(value)}\n`).join('');
}

function widthsOf<Row>(columns: readonly Column<Row>[], page: readonly (readonly string[])[]): readonly number[] {
  return columns.map((column, index) =>
    Math.max(displayWidth(column.title), ...page.map((cells) => displayWidth(cells[index] ?? ''))),
  );
}

function formatRow<Row>(columns: readonly Column<Row>[], cells: readonly string[], widths: readonly number[]): string {
  const padded = cells.map((cell, index) => pad(cell, widths[index] ?? 0, columns[index]?.align));
  return `${padded.join(GAP).trimEnd()}\n`;
}

function pad(text: string, width: number, align?: 'right'): string {
  const fill = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'right' ? fill + text : text + fill;
}

/** Columns on a terminal: two for East Asian wide characters and emoji, none for combining marks. */
function displayWidth(text: string): number {
  let width = 0;
  for (const char of text) {
    if (/\p{M}/u.test(char)) continue;
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]|\p{Emoji_Presentation}/u.test(
        char,
      )
        ? 2
        : 1;
  }
  return width;
}
