import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readSource, type Source } from '../../../src/config/source.ts';

const dir = mkdtempSync(join(tmpdir(), 'source-'));
after(() => rmSync(dir, { recursive: true }));

async function read(text: string, prefix: readonly string[] = []): Promise<Source> {
  const file = join(dir, 'x.yaml');
  writeFileSync(file, text);
  return readSource(file, prefix);
}

const TEXT = `# a comment
hostname: a.example
listen:
  - address: b
    filters: [c, d]
  - {
      address: e,
    }
`;

test('keys and list items are found on their lines', async () => {
  const source = await read(TEXT);
  assert.deepEqual(source.problems, []);
  const line = (...path: (string | number)[]): unknown => source.locate(path);
  assert.deepEqual(line('hostname'), { line: 2, depth: 1 });
  assert.deepEqual(line('listen', 0), { line: 4, depth: 2 });
  assert.deepEqual(line('listen', 0, 'filters', 1), { line: 5, depth: 4 });
  assert.deepEqual(line('listen', 1, 'address'), { line: 7, depth: 3 });
});

test('a path that goes on further than the file stops where the file does', async () => {
  const source = await read(TEXT);
  assert.deepEqual(source.locate(['listen', 0, 'role']), { line: 4, depth: 2 });
  assert.deepEqual(source.locate(['listen', 7]), { line: 3, depth: 1 });
  assert.deepEqual(source.locate(['hostname', 'x']), { line: 2, depth: 1 });
  assert.equal(source.locate(['relay']), undefined);
  assert.equal(source.locate([]), undefined);
});

test('a prefix puts the whole file below a key', async () => {
  const source = await read('log:\n  jobs: 1\n', ['farms']);
  assert.deepEqual(source.data, { farms: { log: { jobs: 1 } } });
  assert.deepEqual(source.locate(['farms', 'log', 'jobs']), { line: 2, depth: 3 });
  assert.equal(source.locate(['log', 'jobs']), undefined);
});

test('no file, an empty file and a file of comments hold nothing', async () => {
  for (const source of [
    await readSource(join(dir, 'none.yaml'), []),
    await read(''),
    await read('# nothing\n'),
    await read('---\n'),
  ]) {
    assert.deepEqual([source.data, source.problems], [{}, []]);
  }
});

test('keys are found by the name that JavaScript gives them; what is no word is no key', async () => {
  const source = await read('1: a\ntrue: b\nnull: c\n');
  assert.deepEqual(
    Object.keys(source.data ?? {}).map((key) => source.locate([key])?.line),
    [1, 2, 3],
  );
  assert.deepEqual(
    (await read('a: 1\n? [b, c]\n: d\n')).problems.map(({ line, message }) => [line, message]),
    [[2, 'expected a key that is a word']],
  );
});

test('anchors are followed, bombs and circles are harmless', async () => {
  assert.deepEqual((await read('a: &x [1]\nb: *x\n')).data, { a: [1], b: [1] });
  const bomb = ['a0: &a0 [x]', ...Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`)].join(
    '\n',
  );
  assert.match((await read(bomb)).problems[0]?.message ?? '', /more than 20/);
  assert.deepEqual((await read('a: &x { b: *x }\n')).problems, []);
});

test('of many mistakes of syntax the first ten are told, and nothing is used', async () => {
  const source = await read(`hostname: x\n${'['.repeat(5000)}`);
  assert.ok(source.problems.length > 0 && source.problems.length <= 10);
  assert.deepEqual(source.data, {});
});
