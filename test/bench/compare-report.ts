/** Runs the comparison with the peers that are here, and makes its report: tables, plot, and what was left out and why. */
import { loadavg } from 'node:os';
import { compare, type Comparison } from './compare.ts';
import { problemsIn, ratioTo, renderTargets, renderWorks, type Named } from './compare-table.ts';
import { describeMachine, machineLine, type Machine } from './machine.ts';
import type { CompareOptions } from './options.ts';
import { haraka } from './peers/haraka.ts';
import { mailfarm, otherMailfarm } from './peers/mailfarm.ts';
import { opensmtpd } from './peers/opensmtpd.ts';
import { postfix } from './peers/postfix.ts';
import { drawPlot } from './plot.ts';
import type { Report } from './report.ts';
import { SCENARIOS } from './scenarios.ts';

export async function reportCompare(options: CompareOptions, say: (line: string) => void): Promise<Report> {
  const other = options.other === undefined ? [] : [otherMailfarm(options.other)];
  const all = [mailfarm, ...other, postfix, haraka(options.haraka), opensmtpd(options.opensmtpd)];
  const wanted = all.filter(({ name }) => options.only?.includes(name) ?? true);
  const peers = wanted.filter((peer) => peer.missing() === undefined);
  const absent = wanted.flatMap((peer) => {
    const why = peer.missing();
    return why === undefined ? [] : [`${peer.name} is left out: ${why}`];
  });
  for (const line of absent) say(line);
  const named = peers.map((peer) => ({ name: peer.name, title: peer.title() }));
  const load = loadavg()[0] ?? 0;
  const comparison = await compare({ ...options, peers }, say);
  const machine = describeMachine(comparison.folder, load);
  const leftOut = [...absent, ...leftOutOf(options, comparison)];
  return {
    text: renderReport({ comparison, machine, named, leftOut }),
    plot: drawPlot(comparison.rows, named, `${new Date().toISOString().slice(0, 10)}, ${machineLine(machine)}`),
    figures: { machine, peers: named, leftOut, rounds: comparison.rounds, works: comparison.rows.map(rowFigures) },
    failed: problemsIn(comparison.rows).length > 0,
  };
}

interface Parts {
  readonly comparison: Comparison;
  readonly machine: Machine;
  readonly named: readonly Named[];
  readonly leftOut: readonly string[];
}

function renderReport({ comparison, machine, named, leftOut }: Parts): string {
  const { rows, rounds, generator } = comparison;
  return [
    `${rounds} rounds over all peers in turn, medians (smallest – largest); messages by ${generator}.`,
    machineLine(machine),
    ...(rows.some(({ scenario }) => scenario.targets.length > 0) ? [renderTargets(rows)] : []),
    renderWorks(rows, named),
    ...leftOut.map((line) => `Left out: ${line}.`),
    ...problemsIn(rows).map((line) => `**Failed**: ${line}`),
  ].join('\n\n');
}

function leftOutOf({ quick, scenarios, rounds }: CompareOptions, comparison: Comparison): string[] {
  const works = SCENARIOS.filter(({ name }) => !scenarios.some((scenario) => scenario.name === name));
  const own = scenarios.some(({ targets }) => targets.length === 0);
  return [
    ...(quick ? ['haraka and opensmtpd, and most of the messages, by --quick'] : []),
    ...(works.length > 0 && !own ? [`the works ${works.map(({ title }) => `"${title}"`).join(', ')}`] : []),
    ...(comparison.rounds < rounds ? [`${rounds - comparison.rounds} of ${rounds} rounds: the time was up`] : []),
  ];
}

function rowFigures(row: Comparison['rows'][number]): object {
  const { scenario, outcomes } = row;
  const ratios = scenario.targets.map(({ figure }) => ({ figure, ...ratioTo(row, 'postfix', figure) }));
  return { ...scenario, outcomes: Object.fromEntries(outcomes), ratiosToPostfix: ratios };
}
