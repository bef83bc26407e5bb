/** The table of `queue summary`: a column for each age, fewer where the terminal is narrow. */
import type { Column } from '../common/table.ts';

/** Upper bounds of the columns, in minutes; the last column has none. */
export const AGE_BOUNDS = [5, 10, 20, 40, 80, 160, 320, 640, 1280] as const;
const LAST = `${AGE_BOUNDS.at(-1)}+`;
export const AGE_NAMES: readonly string[] = [...AGE_BOUNDS.map(String), LAST];

export interface SummaryRow {
  readonly name: string;
  total: number;
  /** One more than AGE_BOUNDS: what is older comes last. */
  readonly ages: number[];
}

interface AgeColumn {
  readonly title: string;
  readonly count: (row: SummaryRow) => number;
}

const GAP = 2;
/** A name gets no less room than this as long as ages can be put together. */
const LEAST_NAME = 20;
const MOST_NAME = 60;

/** For a table of at most `width` characters, as far as that can be; Infinity where nobody says. */
export function layOut(
  title: string,
  rows: readonly SummaryRow[],
  width: number,
): { readonly columns: readonly Column<SummaryRow>[]; readonly legend: string } {
  const longest = Math.min(MOST_NAME, Math.max(title.length, ...rows.map(({ name }) => name.length)));
  const ages =
    [1, 2, 5].map(agesBy).find((some) => room(rows, some, width) >= Math.min(longest, LEAST_NAME)) ?? agesBy(5);
  const name = Math.max(8, Math.min(longest, room(rows, ages, width)));
  const columns: Column<SummaryRow>[] = [
    { title, cell: (row) => row.name, max: name },
    { title: 'T', cell: (row) => String(row.total), align: 'right' },
    ...ages.map((age): Column<SummaryRow> => ({
      title: age.title,
      cell: (row) => String(age.count(row)),
      align: 'right',
    })),
  ];
  return { columns, legend: legendFor(width) };
}

/** So many of the ages to a column, which is named after the oldest; what is older than all bounds stays by itself. */
function agesBy(size: number): readonly AgeColumn[] {
  const columns: AgeColumn[] = [];
  for (let from = 0; from < AGE_BOUNDS.length; from += size) {
    const to = Math.min(from + size, AGE_BOUNDS.length);
    const count = (row: SummaryRow): number => row.ages.slice(from, to).reduce((sum, number) => sum + number, 0);
    columns.push({ title: String(AGE_BOUNDS[to - 1]), count });
  }
  return [...columns, { title: LAST, count: (row) => row.ages.at(-1) ?? 0 }];
}

/** What is left for the name. */
function room(rows: readonly SummaryRow[], ages: readonly AgeColumn[], width: number): number {
  const total = Math.max(1, ...rows.map((row) => String(row.total).length));
  const others = ages.map(({ title, count }) =>
    Math.max(title.length, ...rows.map((row) => String(count(row)).length)),
  );
  return width - others.reduce((sum, wide) => sum + wide + GAP, total + GAP);
}

const LEGEND = 'T: recipients in all; the columns are minutes of age: younger than the number that stands above';
const SHORT_LEGEND = 'T: in all; then by age, below so many minutes';

function legendFor(width: number): string {
  return width < LEGEND.length ? SHORT_LEGEND : LEGEND;
}
