/** How the cost of a message grows: with the length of the queue, with sessions, with size, with workers. Mailfarm alone. */
import { runBench, type BenchPlan, type RunFigures } from './farm-run.ts';
import { cpuPerMessage, problemsOf, renderTable, spread } from './table.ts';

export interface GrowthPoint {
  /** As `size`. */
  readonly series: string;
  readonly label: string;
  readonly plan: BenchPlan;
}

export interface GrowthFigures {
  readonly series: string;
  readonly label: string;
  readonly runs: readonly RunFigures[];
}

const KIB = 1024;
/** Of one run: contents of a point are not more than this in all. */
const MOST_BYTES = 300 * KIB * KIB;
/** With one session there are a tenth as many messages a second. */
const ONE_SESSION_MESSAGES = 1500;

/** `million`: with a queue of that length too, which takes long to fill. */
export function growthPoints(base: BenchPlan, million: boolean): GrowthPoint[] {
  const point = (series: string, label: string, change: Partial<BenchPlan>): GrowthPoint => {
    const plan = { ...base, idleSeconds: 0, ...change };
    const most = plan.sessions === 1 ? ONE_SESSION_MESSAGES : Math.floor(MOST_BYTES / plan.size);
    const messages = Math.min(plan.messages, most);
    return { series, label, plan: { ...plan, messages } };
  };
  const workers = (acceptor: number, smtp: number): readonly string[] => [
    `farms.acceptor.workers=${acceptor}`,
    `farms.smtp.workers=${smtp}`,
  ];
  const pairs: readonly (readonly [number, number])[] = [
    [1, 1],
    [1, 2],
    [2, 1],
    [2, 2],
  ];
  return [
    ...[0, 1e4, 1e5, ...(million ? [1e6] : [])].map((waiting) => point('queue length', String(waiting), { waiting })),
    ...[1, 5, 20, 80, 150].map((sessions) => point('sessions', String(sessions), { sessions })),
    ...[1, 10, 50, 200, 1024].map((kib) => point('size', `${kib} KiB`, { size: kib * KIB })),
    ...pairs.map(([acceptor, smtp]) =>
      point('workers', `acceptor ${acceptor}, smtp ${smtp}`, { set: [...base.set, ...workers(acceptor, smtp)] }),
    ),
  ];
}

export async function runGrowth(points: readonly GrowthPoint[], say: (line: string) => void): Promise<GrowthFigures[]> {
  const results: GrowthFigures[] = [];
  for (const { series, label, plan } of points) {
    say(`${series}: ${label}`);
    const { runs } = await runBench(plan, say);
    results.push({ series, label, runs });
  }
  return results;
}

export function renderGrowth(results: readonly GrowthFigures[]): string {
  const series = Map.groupBy(results, (result) => result.series);
  const tables = [...series].map(([name, points]) => {
    const rows = points.map(({ label, runs }) => [
      label,
      cell(runs, (run) => run.acceptedPerSecond, 0),
      cell(runs, (run) => run.deliveredPerSecond, 0),
      cell(runs, cpuPerMessage, 3),
    ]);
    return renderTable([name, 'accepted/s', 'end to end/s', 'CPU ms/message'], rows);
  });
  const problems = results.flatMap(({ series, label, runs }) =>
    runs.flatMap((run) => problemsOf(run).map((text) => `**Failed**: ${series} ${label}: ${text}`)),
  );
  return [...tables, ...problems].join('\n\n');
}

function cell(runs: readonly RunFigures[], value: (run: RunFigures) => number, digits: number): string {
  const { median, least, most } = spread(runs.map(value));
  return `${median.toFixed(digits)} (${least.toFixed(digits)} – ${most.toFixed(digits)})`;
}
