/** The summary: what rows stand for, how many there are in memory, and how it fits a terminal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Summary } from '../../../../src/cli/queue/summary.ts';
import { AGE_NAMES, layOut, type SummaryRow } from '../../../../src/cli/queue/summary-table.ts';
import { makeQueue, parseLines, type QueueFixture } from '../queue-fixture.ts';

const MINUTE = 60_000;
const HOP = { channel: 'smtp', next: 'mx:example.net' } as const;

async function rowsOf(
  queue: QueueFixture,
  ...args: readonly string[]
): Promise<readonly (readonly [string, number])[]> {
  const { stdout } = await queue.queue('summary', '--json', ...args);
  return (parseLines(stdout) as readonly { name: string; total: number }[]).map(({ name, total }) => [name, total]);
}

test('rows stand for what --by says, the largest first, the sum before them', async () => {
  const queue = makeQueue();
  const later = (text: string) => ({
    inTree: true,
    outcomes: [
      {
        state: 'deferred',
        recipients: ['bob@example.net'],
        attempts: 1,
        until: 1,
        hop: HOP,
        reply: { code: 450, status: '4.2.1', text },
      } as const,
    ],
  });
  await queue.plantAll([
    { sender: 'a@one.example', tenant: 'anna', to: ['x@example.com', 'y@example.com', 'z@example.com'] },
    { sender: 'b@one.example', ...later('<bob@example.net> is full, try 20261127 later') },
    { sender: '', tenant: 'anna', ...later('<eve@example.net> is full, try 12345678 later') },
  ]);
  const all = ['TOTAL', 5] as const;
  assert.deepEqual(await rowsOf(queue), [all, ['example.com', 3], ['example.net', 2]]);
  assert.deepEqual(await rowsOf(queue, '--by', 'sender'), [all, ['a@one.example', 3], ['<>', 1], ['b@one.example', 1]]);
  assert.deepEqual(await rowsOf(queue, '--by', 'sender-domain'), [all, ['one.example', 4], ['<>', 1]]);
  assert.deepEqual(await rowsOf(queue, '--by', 'hop'), [all, ['(not routed yet)', 3], ['smtp mx:example.net', 2]]);
  assert.deepEqual(await rowsOf(queue, '--by', 'tenant'), [all, ['anna', 4], ['default', 1]]);
  assert.deepEqual(await rowsOf(queue, '--by', 'state'), [all, ['waiting', 3], ['deferred', 2]]);
  assert.deepEqual(await rowsOf(queue, '--by', 'reply'), [
    all,
    ['(never tried)', 3],
    ['450 4.2.1 <…> is full, try … later', 2],
  ]);
  assert.deepEqual(await rowsOf(queue, '--limit', '1'), [all, ['example.com', 3]]);
  assert.deepEqual(
    await rowsOf(queue, '--recipient', 'x@*'),
    [
      ['TOTAL', 1],
      ['example.com', 1],
    ],
    'only who is meant counts',
  );
});

test('rows in memory are bounded; what is large keeps its row', () => {
  const summary = new Summary(10);
  for (let n = 0; n < 1000; n += 1) {
    summary.add(`small-${n}`, 0);
    if (n >= 500) summary.add('large', 100);
  }
  const rows = summary.rows();
  assert.ok(rows.length <= 21, `${rows.length} rows`);
  assert.deepEqual([rows[0]?.name, rows[0]?.total, rows.at(-1)?.name], ['large', 500, 'others']);
  assert.equal(summary.total.total, 1500);
  assert.equal(
    rows.reduce((sum, { total }) => sum + total, 0),
    1500,
    'nothing is lost',
  );
});

test('ages fall into the columns of qshape', () => {
  const summary = new Summary();
  for (const minutes of [0, 4.99, 5, 19, 1279, 1280, 1e6]) summary.add('x', minutes);
  assert.deepEqual(AGE_NAMES, ['5', '10', '20', '40', '80', '160', '320', '640', '1280', '1280+']);
  assert.deepEqual(summary.total.ages, [2, 1, 1, 0, 0, 0, 0, 0, 1, 2]);
});

test('a narrow terminal gets fewer columns, which still count everything', () => {
  const ages = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  const rows: readonly SummaryRow[] = [{ name: 'a-rather-long-name.example.org', total: 55, ages }];
  const titles = (width: number): readonly string[] => layOut('DOMAIN', rows, width).columns.map(({ title }) => title);
  const wide = ['DOMAIN', 'T', ...AGE_NAMES];
  assert.deepEqual(titles(Infinity), wide);
  assert.deepEqual(titles(80), wide);
  assert.deepEqual(titles(60), ['DOMAIN', 'T', '10', '40', '160', '640', '1280', '1280+']);
  assert.deepEqual(titles(40), ['DOMAIN', 'T', '80', '1280', '1280+']);
  for (const width of [120, 80, 60, 40]) {
    const { columns, legend } = layOut('DOMAIN', rows, width);
    const [row] = rows;
    assert.ok(row);
    const counts = columns.slice(2).map((column) => Number(column.cell(row)));
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      55,
    );
    const taken = columns.map((column, n) =>
      n === 0 ? (column.max ?? 0) : Math.max(column.title.length, column.cell(row).length),
    );
    assert.ok(taken.reduce((sum, one) => sum + one + 2, -2) <= width, `${width}`);
    assert.ok(legend.length <= Math.max(width, 46));
  }
});

test('a summary of old mail is by its age', async () => {
  const queue = makeQueue();
  await queue.plant({ age: 15 * MINUTE });
  const { stdout } = await queue.queue('summary');
  assert.match(stdout, /^TOTAL +1 +0 +0 +1 +0/m);
});
