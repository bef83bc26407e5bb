import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { safeText, splitAtBody } from '../../../../src/cli/queue/safe-text.ts';

async function split(chunks: readonly Buffer[]): Promise<{ readonly headers: string; readonly body: string }> {
  const parts = { headers: '', body: '' };
  async function* source(): AsyncGenerator<Buffer> {
    yield* chunks;
  }
  for await (const { part, bytes } of splitAtBody(source())) parts[part] += bytes.toString('latin1');
  return parts;
}

test('header and body are told apart, wherever chunks are cut', async () => {
  const text = 'A: b\r\nC: d\r\n e\r\n\r\nline\r\n\r\nline\r\n';
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 9 })), async (cuts) => {
      const chunks: Buffer[] = [];
      let at = 0;
      for (const cut of [...cuts, text.length]) {
        if (cut > 0) chunks.push(Buffer.from(text.slice(at, at + cut)));
        at += cut;
      }
      assert.deepEqual(await split(chunks), { headers: 'A: b\r\nC: d\r\n e\r\n', body: 'line\r\n\r\nline\r\n' });
    }),
  );
});

test('messages without header or without body', async () => {
  assert.deepEqual(await split([Buffer.from('\r\nbody\r\n')]), { headers: '', body: 'body\r\n' });
  assert.deepEqual(await split([Buffer.from('A: b\r\n')]), { headers: 'A: b\r\n', body: '' });
  assert.deepEqual(await split([Buffer.from('A: b\r\n\r\n')]), { headers: 'A: b\r\n', body: '' });
  assert.deepEqual(await split([]), { headers: '', body: '' });
});

test('a line without end does not gather in memory', async () => {
  const chunk = Buffer.alloc(65_536, 'x');
  async function* source(): AsyncGenerator<Buffer> {
    yield Buffer.from('A: b\r\n\r\n');
    for (let i = 0; i < 50; i += 1) yield chunk;
  }
  let longest = 0;
  for await (const { bytes } of splitAtBody(source())) longest = Math.max(longest, bytes.length);
  assert.ok(longest <= 3 * 65_536);
});

test('control characters are replaced, tabs and indents stay', () => {
  assert.equal(safeText(Buffer.from('a\u001b[2J\r\n\tb\tc\r\n')), 'a [2J\n\tb\tc\n');
  assert.equal(safeText(Buffer.from('no end')), 'no end\n');
  assert.equal(safeText(Buffer.from('\r\n')), '\n');
});
