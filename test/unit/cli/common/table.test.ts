import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { Output } from '../../../../src/cli/common/context.ts';
import { formatPairs, printTable, type Column } from '../../../../src/cli/common/table.ts';

interface Row {
  readonly name: string;
  readonly size: number;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'NAME', cell: (row) => row.name, max: 12 },
  { title: 'SIZE', cell: (row) => String(row.size), align: 'right' },
  { title: 'END', cell: () => 'x' },
];

async function table(rows: Iterable<Row>): Promise<{ readonly text: string; readonly printed: number }> {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const printed = await printTable(new Output(stream), COLUMNS, rows);
  stream.end();
  return { text, printed };
}

test('columns are aligned', async () => {
  const { text, printed } = await table([
    { name: 'a', size: 5 },
    { name: 'long name', size: 1234 },
  ]);
  assert.equal(printed, 2);
  assert.equal(text, 'NAME       SIZE  END\na             5  x\nlong name  1234  x\n');
});

test('no rows, no titles', async () => {
  assert.deepEqual(await table([]), { text: '', printed: 0 });
});

test('cells are cut and made safe', async () => {
  const { text } = await table([{ name: 'evil\u001b[2J and much too long', size: 1 }]);
  assert.ok(!text.includes('\u001b'));
  assert.match(text, /^evil \[2J an… /m);
});

test('wide characters count for two columns, marks for none', async () => {
  const { text } = await table([
    { name: '日本', size: 1 },
    { name: 'e\u0301', size: 1 },
    { name: 'abcd', size: 1 },
  ]);
  assert.equal(text, 'NAME  SIZE  END\n日本     1  x\ne\u0301        1  x\nabcd     1  x\n');
});

test('many rows are printed as they come', async () => {
  function* rows(): Generator<Row> {
    for (let i = 0; i < 1000; i += 1) yield { name: `row ${i}`, size: i };
  }
  const { text, printed } = await table(rows());
  assert.equal(printed, 1000);
  assert.equal(text.trimEnd().split('\n').length, 1001);
});

test('a reader that went away ends the table', async () => {
  const stream = new PassThrough();
  stream.destroy(new Error('EPIPE'));
  const output = new Output(stream);
  await new Promise((resolve) => setImmediate(resolve));
  let asked = 0;
  function* rows(): Generator<Row> {
    for (;;) yield { name: 'x', size: (asked += 1) };
  }
  await printTable(output, COLUMNS, rows());
  assert.ok(asked < 1000);
});

test('pairs stand in two columns', () => {
  assert.equal(
    formatPairs([
      ['id', 'x'],
      ['sender', 'a\nb'],
    ]),
    'id:     x\nsender: a b\n',
  );
});
