/**
 * npm run bench: measures mail servers under load and prints speed, CPU and memory. Asserts nothing but that all arrived.
 *
 * Exit status: 0, 1 when messages were refused, lost or doubled, 64 for a wrong command line, 130 when interrupted.
 */
import { loadavg } from 'node:os';
import { reportCompare } from './compare-report.ts';
import { renderFairness, runFairness } from './fairness.ts';
import { runBench, type BenchFigures } from './farm-run.ts';
import { growthPoints, renderGrowth, runGrowth } from './growth.ts';
import { describeMachine, machineLine } from './machine.ts';
import { describePlan, parseOptions, USAGE, type Options } from './options.ts';
import { renderProfiles } from './profile.ts';
import { saveReport, type Report } from './report.ts';
import { renderSlowDisk, runSlowDisk } from './slow-disk.ts';
import { cpuPerMessage, problemsOf, renderFigures } from './table.ts';

// An exit runs what removes processes and folders; a signal alone would not. (What we import from the tests exits with 1.)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.removeAllListeners(signal).on(signal, () => process.exit(130));
}
await main(readOptions());

async function main(options: Options): Promise<void> {
  const report = await measure(options);
  process.stdout.write(`${options.json ? JSON.stringify(report.figures) : report.text}\n`);
  if (options.save) process.stderr.write(`bench: saved as ${saveReport(report).join(', ')}\n`);
  if (report.failed) process.exitCode = 1;
}

async function measure(options: Options): Promise<Report> {
  if (options.mode === 'compare') return reportCompare(options.compare, say);
  const { plan } = options;
  const load = loadavg()[0] ?? 0;
  if (options.mode === 'growth') {
    const results = await runGrowth(growthPoints(plan, options.million), say);
    const text = renderGrowth(results);
    return { text, figures: { plan, load, results }, failed: text.includes('**Failed**') };
  }
  if (options.mode === 'slow-disk') {
    const results = await runSlowDisk(plan, say);
    const text = [describePlan(plan), renderSlowDisk(results)].join('\n\n');
    return { text, figures: { plan, load, results }, failed: text.includes('**Failed**') };
  }
  if (options.mode === 'fairness') {
    const phases = await runFairness(options.fairness, say);
    const text = renderFairness(options.fairness, phases);
    return { text, figures: { plan: options.fairness, load, phases }, failed: text.includes('**Failed**') };
  }
  return reportFarm(plan, await runBench(plan, say), load);
}

function reportFarm(plan: Options['plan'], bench: BenchFigures, load: number): Report {
  const machine = describeMachine(bench.folder, load);
  const messages = bench.runs.reduce((total, { accepted }) => total + accepted, bench.warmUpMessages);
  const profiles = plan.profile === undefined ? [] : [renderProfiles(plan.profile, messages)];
  const text = [describePlan(plan), machineLine(machine), renderFigures(bench), ...profiles].join('\n\n');
  const runs = bench.runs.map((run) => ({ ...run, cpuMsPerMessage: cpuPerMessage(run) }));
  const failed = bench.runs.some((run) => problemsOf(run).length > 0);
  return { text, figures: { plan, machine, idle: bench.idle, runs }, failed };
}

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}

function readOptions(): Options {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    (text === USAGE ? process.stdout : process.stderr).write(`${text.trimEnd()}\n`);
    process.exit(text === USAGE ? 0 : 64);
  }
}
