/**
 * npm run bench: measures a farm under load and prints speed, CPU and memory. Asserts nothing but that all arrived.
 *
 * Exit status: 0, 1 when messages were refused, lost or doubled, 64 for a wrong command line, 130 when interrupted.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { runBench, type BenchFigures } from './farm-run.ts';
import { describeMachine, machineLine, type Machine } from './machine.ts';
import { describePlan, parseOptions, USAGE, type Options } from './options.ts';
import { renderProfiles } from './profile.ts';
import { cpuPerMessage, problemsOf, renderFigures } from './table.ts';

// An exit runs what removes processes and folders; a signal alone would not.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));
await main(readOptions());

async function main(options: Options): Promise<void> {
  const { plan, json, save } = options;
  const load = loadavg()[0] ?? 0;
  const figures = await runBench(plan, (line) => process.stderr.write(`bench: ${line}\n`));
  const machine = describeMachine(figures.folder, load);
  const report = [describePlan(plan), machineLine(machine), renderFigures(figures)].join('\n\n');
  process.stdout.write(`${json ? asJson(options, machine, figures) : report}\n`);
  if (save) saveReport(report);
  if (plan.profile !== undefined) {
    process.stdout.write(`\n${renderProfiles(plan.profile, plan.warmUp + plan.runs * plan.messages)}\n`);
  }
  if (figures.runs.some((run) => problemsOf(run).length > 0)) process.exitCode = 1;
}

function asJson({ plan }: Options, machine: Machine, { idle, runs }: BenchFigures): string {
  const withTotals = runs.map((run) => ({ ...run, cpuMsPerMessage: cpuPerMessage(run) }));
  return JSON.stringify({ plan, machine, idle, runs: withTotals });
}

function saveReport(report: string): void {
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const now = new Date().toISOString();
  const path = join(folder, `${now.slice(0, 16).replace(':', '')}.md`);
  writeFileSync(path, `# Benchmark of ${now}\n\n${report}\n`);
  process.stderr.write(`bench: saved as ${path}\n`);
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
