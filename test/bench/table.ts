/** Figures as Markdown tables: medians with the smallest and the largest value of the runs. */
import { sum, type MemorySample } from './process-tree.ts';
import type { BenchFigures, RunFigures } from './farm-run.ts';

/** The whole report, without what was measured and where. */
export function renderFigures(figures: BenchFigures): string {
  const { runs, idle } = figures;
  const parts = [
    renderTable(['per run', 'median', 'min – max'], speedRows(runs)),
    renderTable(...memoryTable(figures)),
  ];
  if (idle) parts.push(`Idle for ${idle.seconds} s: ${idle.cpuMs} ms CPU in all processes of the farm.`);
  const failures = runs.flatMap((run) => problemsOf(run));
  return [...parts, ...failures.map((text) => `**Failed**: ${text}`)].join('\n\n');
}

/** What a run must not show; empty for a good one. */
export function problemsOf(run: RunFigures): string[] {
  const { accepted, delivered, distinct, failures } = run;
  const lost = accepted - distinct;
  return [
    ...failures,
    ...(lost > 0 ? [`${lost} of ${accepted} accepted messages did not reach the sink in time`] : []),
    ...(delivered > distinct ? [`${delivered - distinct} messages reached the sink more than once`] : []),
  ];
}

/** Milliseconds of CPU per accepted message, all processes of the farm. */
export function cpuPerMessage(run: RunFigures): number {
  return sum(run.cpuMs) / Math.max(1, run.accepted);
}

function speedRows(runs: readonly RunFigures[]): string[][] {
  const row = (name: string, digits: number, value: (run: RunFigures) => number): string[] => {
    const { median, least, most } = spread(runs.map(value));
    return [name, median.toFixed(digits), `${least.toFixed(digits)} – ${most.toFixed(digits)}`];
  };
  const roles = [...new Set(runs.flatMap((run) => Object.keys(run.cpuMs)))];
  const share = (role: string) => (run: RunFigures) => (run.cpuMs[role] ?? 0) / Math.max(1, run.accepted);
  const ranked = roles.toSorted((a, b) => share(b)(runs[0] ?? NONE) - share(a)(runs[0] ?? NONE));
  return [
    row('accepted, messages/s', 0, (run) => run.acceptedPerSecond),
    row('end to end, messages/s', 0, (run) => run.deliveredPerSecond),
    row('**CPU ms/message, whole farm**', 3, cpuPerMessage),
    ...ranked.map((role) => row(`CPU ms/message, ${role}`, 3, share(role))),
    row('(CPU ms/message, load generator)', 3, (run) => run.generatorCpuMs / Math.max(1, run.accepted)),
    row('(CPU ms/message, sink)', 3, (run) => run.sinkCpuMs / Math.max(1, run.accepted)),
  ];
}

const NONE: RunFigures = {
  accepted: 0,
  delivered: 0,
  distinct: 0,
  failures: [],
  acceptedPerSecond: 0,
  deliveredPerSecond: 0,
  cpuMs: {},
  generatorCpuMs: 0,
  sinkCpuMs: 0,
  memory: {},
};

function memoryTable({ idle, runs }: BenchFigures): [string[], string[][]] {
  const peak =
    runs
      .map((run) => run.memory)
      .toSorted((a, b) => sum(a) - sum(b))
      .at(-1) ?? {};
  const rest: MemorySample = idle?.memory ?? {};
  const names = [...new Set([...Object.keys(rest), ...Object.keys(peak)])].toSorted();
  const cell = (kib: number | undefined): string => (kib === undefined ? '–' : (kib / 1024).toFixed(1));
  const rows = names.map((name) => [name, cell(rest[name]), cell(peak[name])]);
  const all = ['**all**', idle === undefined ? '–' : cell(sum(rest)), cell(sum(peak))];
  return [
    ['memory, PSS in MiB', 'idle', 'under load'],
    [...rows, all],
  ];
}

/** Median, smallest and largest. */
export function spread(values: readonly number[]): { median: number; least: number; most: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? 0;
  const half = (sorted.length - 1) / 2;
  return { median: (at(Math.floor(half)) + at(Math.ceil(half))) / 2, least: at(0), most: at(sorted.length - 1) };
}

/** A Markdown table whose columns also line up as text; all but the first are figures, aligned to the right. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, n) => Math.max(3, title.length, ...rows.map((row) => row[n]?.length ?? 0)));
  const pad = (text: string, n: number): string =>
    n === 0 ? text.padEnd(widths[n] ?? 0) : text.padStart(widths[n] ?? 0);
  const line = (cells: readonly string[]): string => `| ${cells.map(pad).join(' | ')} |`;
  const rule = widths.map((width, n) => (n === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}
