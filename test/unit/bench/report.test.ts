/** Options and tables of the benchmark. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describePlan, parseOptions } from '../../bench/options.ts';
import type { RunFigures } from '../../bench/farm-run.ts';
import { cpuPerMessage, problemsOf, renderFigures, renderTable, spread } from '../../bench/table.ts';

const RUN: RunFigures = {
  accepted: 100,
  delivered: 100,
  distinct: 100,
  failures: [],
  acceptedPerSecond: 1000,
  deliveredPerSecond: 900,
  cpuMs: { smtp: 30, acceptor: 20 },
  generatorCpuMs: 10,
  sinkCpuMs: 10,
  memory: { 'smtp-1': 2048 },
};

describe('parseOptions', () => {
  it('has defaults, smaller ones for --quick, and takes sizes with units', () => {
    const { plan, json } = parseOptions([]);
    assert.deepEqual([plan.size, plan.sessions, plan.messages, plan.runs], [1024, 20, 20_000, 3]);
    assert.equal(json, false);
    const quick = parseOptions(['--quick', '--size', '10k', '--runs=5', '--json', '--filters']);
    assert.deepEqual([quick.plan.size, quick.plan.messages, quick.plan.runs], [10_240, 3000, 5]);
    assert.equal(quick.json, true);
    assert.match(describePlan(quick.plan), /5 runs of 3000 messages of 10240 bytes, 20 sessions, filtered/);
  });

  it('compares with the peers, unless something of Mailfarm alone is asked for', () => {
    const modeOf = (...args: string[]) => parseOptions(args).mode;
    assert.equal(modeOf(), 'compare');
    assert.equal(modeOf('--only', 'mailfarm,postfix'), 'compare');
    assert.equal(modeOf('--only', 'mailfarm', '--works', 'idle'), 'compare');
    assert.equal(modeOf('--only', 'mailfarm'), 'farm');
    assert.equal(modeOf('--set', 'a=1'), 'farm');
    assert.equal(modeOf('--profile', 'x'), 'farm');
    assert.equal(modeOf('--million'), 'growth');
    assert.equal(modeOf('--fairness'), 'fairness');
    assert.equal(modeOf('--slow-disk', '--only', 'mailfarm'), 'slow-disk');
  });

  it('compares at all works, the main ones with --quick, those that are named, or one that is described', () => {
    const works = (...args: string[]) =>
      parseOptions(args).compare.scenarios.map(({ name, messages }) => `${name} ${messages}`);
    assert.equal(works().length, 8);
    assert.deepEqual(works('--quick'), ['relay-1k 2000', 'relay-10k 1500', 'relay-200k 300', 'one-session 300']);
    assert.deepEqual(parseOptions(['--quick']).compare.only, ['mailfarm', 'postfix']);
    assert.deepEqual(works('--works', 'restart,idle', '--messages', '50'), ['idle 50', 'restart 50']);
    assert.deepEqual(works('--size', '2k', '--messages', '50'), ['own 50']);
  });

  it('says what is wrong', () => {
    assert.throws(() => parseOptions(['--only', 'exim']), /--only: one of mailfarm, .* was expected: exim/);
    assert.throws(() => parseOptions(['--works', 'rest']), /--works: one of idle, .* was expected: rest/);
    assert.throws(() => parseOptions(['--size', '10']), /--size: a number of 300 or more was expected: 10/);
    assert.throws(() => parseOptions(['--runs', 'many']), /--runs: .*: many/);
    assert.throws(() => parseOptions(['--only', 'mailfarm,other']), /with --other DIR/);
    assert.throws(() => parseOptions(['--other', '.', '--only', 'mailfarm']), /takes part in the comparison only/);
    assert.throws(() => parseOptions(['--other', '.', '--quick']), /takes part in the comparison only/);
    assert.throws(() => parseOptions(['--other', '/nowhere']), /npm ci was run was expected, but \/nowhere\/bin/);
    assert.throws(() => parseOptions(['--help']), /usage:/);
    assert.throws(() => parseOptions(['--nonsense']), /nonsense/);
  });
});

describe('renderFigures', () => {
  it('shows medians and spread, and CPU per message over all processes', () => {
    assert.equal(cpuPerMessage(RUN), 0.5);
    const text = renderFigures({
      runs: [RUN, { ...RUN, cpuMs: { smtp: 60 } }],
      idle: undefined,
      warmUpMessages: 0,
      folder: '/',
    });
    assert.match(text, /whole farm\*\* +\| +0\.550 +\| +0\.500 – 0\.600 \|/);
    assert.match(text, /smtp-1 +\| +– \| +2\.0 \|/);
    assert.doesNotMatch(text, /Failed/);
  });

  it('tells of what was lost, doubled and refused', () => {
    const run = { ...RUN, delivered: 99, distinct: 98, failures: ['content: 451 later'] };
    assert.deepEqual(problemsOf(run), [
      'content: 451 later',
      '2 of 100 accepted messages did not reach the sink in time',
      '1 messages reached the sink more than once',
    ]);
    assert.match(
      renderFigures({ runs: [run], idle: undefined, warmUpMessages: 0, folder: '/' }),
      /\*\*Failed\*\*: content: 451 later/,
    );
  });
});

describe('spread and renderTable', () => {
  it('takes the middle, or the mean of the two in the middle', () => {
    assert.deepEqual(spread([3, 1, 2]), { median: 2, least: 1, most: 3 });
    assert.equal(spread([4, 1, 2, 3]).median, 2.5);
    assert.deepEqual(spread([]), { median: 0, least: 0, most: 0 });
  });

  it('lines columns up', () => {
    assert.equal(
      renderTable(
        ['name', 'n'],
        [
          ['a', '1'],
          ['longer', '1000'],
        ],
      ),
      '| name   |    n |\n| ------ | ---: |\n| a      |    1 |\n| longer | 1000 |',
    );
  });
});
