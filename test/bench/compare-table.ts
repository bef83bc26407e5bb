/** The comparison as text: what each peer did, how Mailfarm stands to Postfix, and what it must reach. Pure. */
import type { Row } from './compare.ts';
import { timesBetter, type FigureName, type Scenario, type Target } from './scenarios.ts';
import { renderTable, spread } from './table.ts';
import type { Outcome } from './works/work.ts';

export interface Named {
  readonly name: string;
  readonly title: string;
}

/** Medians of the runs that were whole, with the smallest and the largest; and how Mailfarm stands to each peer. */
export function renderWorks(rows: readonly Row[], peers: readonly Named[]): string {
  const lines = rows.flatMap((row) =>
    peers.map(({ name, title }) => [
      `${row.scenario.title}: ${title}`,
      String(row.scenario.messages),
      ...COLUMNS.map(({ figure, show }) => cell(valuesOf(row, name, figure), show)),
      name === 'mailfarm' ? '–' : ratioCell(row, name, mainFigure(row.scenario)),
    ]),
  );
  return renderTable(['work: peer', 'messages', ...COLUMNS.map(({ head }) => head), 'Mailfarm better by'], lines);
}

/** Whether the targets were reached; empty without Mailfarm. */
export function renderTargets(rows: readonly Row[]): string {
  const lines = rows.flatMap((row) => row.scenario.targets.map((target) => targetLine(row, target)));
  return renderTable(['target', 'Mailfarm', 'Postfix', 'better by', 'must be', 'reached'], lines);
}

/** What went wrong, by work and peer: a run with a problem is in no figure. */
export function problemsIn(rows: readonly Row[]): string[] {
  return rows.flatMap(({ scenario, outcomes }) =>
    [...outcomes].flatMap(([name, runs]) =>
      runs.flatMap(({ problems }, n) => problems.map((text) => `${scenario.title}: ${name}, round ${n + 1}: ${text}`)),
    ),
  );
}

export interface Ratio {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** How many times better Mailfarm is: of the medians, with the smallest and largest of the rounds. */
export function ratioTo(row: Row, peer: string, figure: FigureName): Ratio | undefined {
  const ours = row.outcomes.get('mailfarm') ?? [];
  const others = row.outcomes.get(peer) ?? [];
  const pairs = ours.flatMap((outcome, n): number[] => {
    const one = figureOf(outcome, figure);
    const other = others[n] === undefined ? undefined : figureOf(others[n], figure);
    return one === undefined || other === undefined ? [] : [timesBetter(figure, one, other)];
  });
  if (pairs.length === 0) return undefined;
  const middle = (name: string): number => spread(valuesOf(row, name, figure)).median;
  const { least, most } = spread(pairs);
  const median = timesBetter(figure, middle('mailfarm'), middle(peer));
  return { median, least: Math.min(least, median), most: Math.max(most, median) };
}

/** By which a work is judged first. */
export function mainFigure({ work }: Scenario): FigureName {
  if (work === 'idle') return 'pss';
  return work === 'relay' ? 'rate' : 'last';
}

/** Of the runs without problems. */
export function valuesOf(row: Row, peer: string, figure: FigureName): number[] {
  return (row.outcomes.get(peer) ?? []).flatMap((outcome) => figureOf(outcome, figure) ?? []);
}

export function showFigure(figure: FigureName, value: number): string {
  return (COLUMNS.find((column) => column.figure === figure)?.show ?? String)(value);
}

const seconds = (ms: number): string => (ms / 1000).toFixed(2);
const COLUMNS: readonly { figure: FigureName; head: string; show: (value: number) => string }[] = [
  { figure: 'rate', head: 'messages/s', show: (value) => value.toFixed(0) },
  { figure: 'cpu', head: 'CPU ms/message', show: (value) => value.toFixed(3) },
  { figure: 'pss', head: 'PSS MiB', show: (value) => value.toFixed(0) },
  { figure: 'first', head: 'first after s', show: seconds },
  { figure: 'last', head: 'last after s', show: seconds },
];

function figureOf({ figures, problems }: Outcome, figure: FigureName): number | undefined {
  return problems.length > 0 ? undefined : figures[figure];
}

function cell(values: readonly number[], show: (value: number) => string): string {
  if (values.length === 0) return '–';
  const { median, least, most } = spread(values);
  return values.length === 1 ? show(median) : `${show(median)} (${show(least)} – ${show(most)})`;
}

function ratioCell(row: Row, peer: string, figure: FigureName): string {
  const ratio = ratioTo(row, peer, figure);
  if (ratio === undefined) return '–';
  return `${ratio.median.toFixed(2)} (${ratio.least.toFixed(2)} – ${ratio.most.toFixed(2)})`;
}

function targetLine(row: Row, { figure, times, atMost }: Target): string[] {
  const { show, head } = COLUMNS.find((column) => column.figure === figure) ?? { show: String, head: figure };
  const [ours, theirs] = ['mailfarm', 'postfix'].map((name) => valuesOf(row, name, figure));
  const median = spread(ours ?? []).median;
  const ratio = ratioTo(row, 'postfix', figure);
  const known = times === undefined ? (ours ?? []).length > 0 : ratio !== undefined;
  const reached = times === undefined ? median <= (atMost ?? 0) : (ratio?.median ?? 0) >= times;
  return [
    `${row.scenario.title}: ${head}`,
    cell(ours ?? [], show),
    cell(theirs ?? [], show),
    times === undefined ? '–' : ratioCell(row, 'postfix', figure),
    times === undefined ? `at most ${show(atMost ?? 0)}` : `${times} times`,
    known ? (reached ? 'yes' : '**no**') : 'not measured',
  ];
}
