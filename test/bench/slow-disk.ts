/** How much a slow disk costs: the same runs with each sync as it is, and delayed; and how many messages share a sync. */
import { runBench, type BenchFigures, type BenchPlan } from './farm-run.ts';
import type { SyncCounts } from './sync-counts.ts';
import { cpuPerMessage, problemsOf, renderTable, spread } from './table.ts';

const DELAY_MS = 5;

export interface SlowDiskFigures {
  readonly delayMs: number;
  readonly figures: BenchFigures;
}

export async function runSlowDisk(plan: BenchPlan, say: (line: string) => void): Promise<SlowDiskFigures[]> {
  const results: SlowDiskFigures[] = [];
  for (const syncDelayMs of [0, DELAY_MS]) {
    say(`each sync delayed by ${syncDelayMs} ms`);
    const figures = await runBench({ ...plan, idleSeconds: 0, syncDelayMs }, say);
    results.push({ delayMs: syncDelayMs, figures });
  }
  return results;
}

export function renderSlowDisk(results: readonly SlowDiskFigures[]): string {
  const rows = results.map(({ delayMs, figures }) => {
    const { runs, syncs = {} } = figures;
    const messages = runs.reduce((total, { accepted }) => total + accepted, figures.warmUpMessages);
    const rate = spread(runs.map((run) => run.deliveredPerSecond));
    const accepted = spread(runs.map((run) => run.acceptedPerSecond));
    return [
      delayMs === 0 ? 'syncs as they are' : `each sync ${delayMs} ms longer`,
      `${accepted.median.toFixed(0)} (${accepted.least.toFixed(0)} – ${accepted.most.toFixed(0)})`,
      `${rate.median.toFixed(0)} (${rate.least.toFixed(0)} – ${rate.most.toFixed(0)})`,
      spread(runs.map(cpuPerMessage)).median.toFixed(3),
      perSync(messages, syncs['acceptor']),
      perSync(
        messages,
        Object.values(syncs).reduce((total, count) => total + count, 0),
      ),
    ];
  });
  const head = [
    'disk',
    'accepted/s',
    'end to end/s',
    'CPU ms/message',
    'messages per sync of an acceptor',
    '… of any process',
  ];
  const [fast, slow] = results.map(({ figures }) => spread(figures.runs.map((run) => run.deliveredPerSecond)).median);
  const share = (100 * (slow ?? 0)) / (fast || 1);
  const problems = results.flatMap(({ figures }) => figures.runs.flatMap((run) => problemsOf(run)));
  return [
    renderTable(head, rows),
    `With slow syncs ${share.toFixed(0)} % of the throughput is left.`,
    syncLine(results),
    ...problems.map((text) => `**Failed**: ${text}`),
  ].join('\n\n');
}

function syncLine(results: readonly SlowDiskFigures[]): string {
  const show = (syncs: SyncCounts): string =>
    Object.entries(syncs)
      .map(([role, count]) => `${role} ${count}`)
      .join(', ');
  return `Syncs by role: ${results.map(({ delayMs, figures }) => `${delayMs} ms: ${show(figures.syncs ?? {})}`).join('; ')}.`;
}

function perSync(messages: number, syncs = 0): string {
  return syncs === 0 ? '–' : (messages / syncs).toFixed(1);
}
