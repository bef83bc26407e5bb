/** The comparison as a picture (SVG): for each work a bar for each peer, with the spread of its runs. Pure. */
import type { Row } from './compare.ts';
import { mainFigure, showFigure, valuesOf, type Named } from './compare-table.ts';
import type { FigureName } from './scenarios.ts';
import { spread } from './table.ts';

const WIDTH = 820;
const LEFT = 150;
/** For the values, right of the longest bar. */
const RIGHT = 170;
const BAR = 18;
const GAP = 4;
const HEAD = 34;
const TOP = 50;
const COLOURS: Readonly<Record<string, string>> = { mailfarm: '#1b6ca8' };
const OTHER = '#9aa5b1';

const UNITS: Readonly<Record<FigureName, string>> = {
  rate: 'messages/s, longer is better',
  cpu: 'CPU ms/message, shorter is better',
  pss: 'MiB of memory, shorter is better',
  first: 'seconds to the first delivery, shorter is better',
  last: 'seconds to the last delivery, shorter is better',
};

/** `note`: a line below the title: the machine, the date. */
export function drawPlot(rows: readonly Row[], peers: readonly Named[], note: string): string {
  const panelHeight = HEAD + peers.length * (BAR + GAP);
  const height = TOP + rows.length * panelHeight + GAP;
  const panels = rows.map((row, n) => drawPanel(row, peers, TOP + n * panelHeight));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    textAt(10, 20, 'Mailfarm and its peers, medians of the runs', 'font-size="15" font-weight="bold"'),
    textAt(10, 38, note, 'fill="#555555"'),
    ...panels,
    '</svg>',
    '',
  ].join('\n');
}

function drawPanel(row: Row, peers: readonly Named[], top: number): string {
  const figure = mainFigure(row.scenario);
  const bars = peers.map(({ name, title }) => ({ name, title, values: valuesOf(row, name, figure) }));
  const most = Math.max(...bars.flatMap(({ values }) => values), Number.MIN_VALUE);
  const scale = (value: number): number => (value / most) * (WIDTH - LEFT - RIGHT);
  return [
    textAt(10, top + 20, `${row.scenario.title} (${UNITS[figure]})`, 'font-weight="bold"'),
    ...bars.map((bar, n) => drawBar(bar, { figure, scale, y: top + HEAD - 6 + n * (BAR + GAP) })),
  ].join('\n');
}

interface Bar {
  readonly name: string;
  readonly title: string;
  readonly values: readonly number[];
}

function drawBar(
  { name, title, values }: Bar,
  { figure, scale, y }: { figure: FigureName; scale: (value: number) => number; y: number },
): string {
  const base = y + BAR - 5;
  const label = textAt(LEFT - 8, base, title, 'text-anchor="end"');
  if (values.length === 0) return `${label}\n${textAt(LEFT, base, 'no figure', 'fill="#555555"')}`;
  const { median, least, most } = spread(values);
  const x = (value: number): string => (LEFT + scale(value)).toFixed(1);
  const middle = y + BAR / 2;
  const range = values.length > 1 ? ` (${showFigure(figure, least)} – ${showFigure(figure, most)})` : '';
  return [
    label,
    `<rect x="${LEFT}" y="${y}" width="${scale(median).toFixed(1)}" height="${BAR}" fill="${COLOURS[name] ?? OTHER}"/>`,
    `<line x1="${x(least)}" x2="${x(most)}" y1="${middle}" y2="${middle}" stroke="#222222"/>`,
    textAt(LEFT + scale(most) + 6, base, `${showFigure(figure, median)}${range}`),
  ].join('\n');
}

function textAt(x: number, y: number, text: string, attributes = ''): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped}</text>`;
}
