/** Tables and plot of the comparison. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Row } from '../../bench/compare.ts';
import { problemsIn, ratioTo, renderTargets, renderWorks } from '../../bench/compare-table.ts';
import { drawPlot } from '../../bench/plot.ts';
import { SCENARIOS, timesBetter, type Figures } from '../../bench/scenarios.ts';

const PEERS = [
  { name: 'mailfarm', title: 'Mailfarm' },
  { name: 'postfix', title: 'Postfix <3>' },
];

function rowOf(name: string, ours: readonly Figures[], theirs: readonly Figures[], problems: string[] = []): Row {
  const scenario = SCENARIOS.find((one) => one.name === name) ?? assert.fail(name);
  const outcomes = new Map([
    ['mailfarm', ours.map((figures) => ({ figures, problems: [] }))],
    ['postfix', theirs.map((figures, n) => ({ figures, problems: n === 0 ? problems : [] }))],
  ]);
  return { scenario, outcomes };
}

const RELAY = rowOf(
  'relay-1k',
  [
    { rate: 800, cpu: 1 },
    { rate: 700, cpu: 1 },
    { rate: 900, cpu: 1 },
  ],
  [
    { rate: 100, cpu: 4 },
    { rate: 100, cpu: 4 },
    { rate: 90, cpu: 4 },
  ],
);

describe('timesBetter', () => {
  it('takes more for better of a rate, and less of all else', () => {
    assert.equal(timesBetter('rate', 800, 100), 8);
    assert.equal(timesBetter('cpu', 1, 4), 4);
    assert.equal(timesBetter('last', 1, 4), 4);
  });
});

describe('ratioTo', () => {
  it('is that of the medians, with the spread of the rounds', () => {
    assert.deepEqual(ratioTo(RELAY, 'postfix', 'rate'), { median: 8, least: 7, most: 10 });
    assert.equal(ratioTo(RELAY, 'haraka', 'rate'), undefined);
  });

  it('leaves out what had a problem', () => {
    const row = rowOf('one-session', [{ rate: 4 }, { rate: 6 }], [{ rate: 1 }, { rate: 2 }], ['2 lost']);
    assert.deepEqual(ratioTo(row, 'postfix', 'rate'), { median: 2.5, least: 2.5, most: 3 });
    assert.deepEqual(problemsIn([row]), ['relay, 1 KiB, 1 session: postfix, round 1: 2 lost']);
  });
});

describe('renderTargets', () => {
  it('says what was reached, and what was not measured', () => {
    const idle = rowOf('idle', [{ pss: 100 }], []);
    const restart = rowOf('restart', [{ first: 2000, last: 5000 }], []);
    const [, , speed, cpu, memory, first, last] = renderTargets([RELAY, idle, restart]).split('\n');
    assert.match(speed ?? '', /8\.00 \(7\.00 – 10\.00\) \| +7 times \| +yes \|/);
    assert.match(cpu ?? '', /4\.00 .*\| +7 times \| +\*\*no\*\* \|/);
    assert.match(memory ?? '', /\| +100 \| +– \| +– \| +at most 238 \| +yes \|/);
    assert.match(first ?? '', /2\.00 .* at most 1\.00 \| +\*\*no\*\* \|/);
    assert.match(last ?? '', /not measured/);
  });
});

describe('renderWorks', () => {
  it('has a line for each peer and work', () => {
    const lines = renderWorks([RELAY], PEERS).split('\n');
    assert.equal(lines.length, 4);
    assert.match(lines[2] ?? '', /Mailfarm +\| +10000 \| +800 \(700 – 900\) \|/);
    assert.match(lines[3] ?? '', /\| +8\.00 \(7\.00 – 10\.00\) \|/);
  });
});

describe('drawPlot', () => {
  it('draws a bar for each peer, as long as its figure, and escapes texts', () => {
    const svg = drawPlot([RELAY, rowOf('restart', [{ last: 1000 }], [])], PEERS, 'a & b');
    const widths = [...svg.matchAll(/height="18" fill/g)];
    assert.equal(widths.length, 3);
    const [ours, theirs] = [...svg.matchAll(/width="([\d.]+)" height="18"/g)].map(([, width]) => Number(width));
    assert.ok(Math.abs((ours ?? 0) / (theirs ?? 1) - 8) < 0.1, `${ours} ${theirs}`);
    assert.match(svg, /Postfix &lt;3&gt;/);
    assert.match(svg, /a &amp; b/);
    assert.match(svg, /no figure/);
    assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
  });
});
