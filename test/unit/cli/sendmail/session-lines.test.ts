import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { SessionLines } from '../../../../src/cli/sendmail/session-lines.ts';

async function through(chunks: readonly string[]): Promise<string> {
  const lines = new SessionLines();
  for (const chunk of chunks) lines.write(Buffer.from(chunk, 'latin1'));
  lines.end();
  return (await buffer(lines)).toString('latin1');
}

test('a lone LF becomes CRLF, a CRLF stays one line end, a lone CR is left to the listener', async () => {
  assert.equal(await through(['EHLO a\nNOOP\r\n\n\r\nx\ry\xe9']), 'EHLO a\r\nNOOP\r\n\r\n\r\nx\ry\xe9');
});

test('a line end may be cut by the end of a chunk', async () => {
  assert.equal(await through(['NOOP\r', '\nQUIT\r', '', '\n', '\n']), 'NOOP\r\nQUIT\r\n\r\n');
});

test('how the input is cut makes no difference', async () => {
  const pieces = fc.array(fc.string({ unit: fc.constantFrom('a', '.', '\r', '\n') }));
  await fc.assert(
    fc.asyncProperty(pieces, async (chunks) => {
      const text = chunks.join('');
      const expected = text.replace(/\r?\n/g, '\r\n');
      assert.equal(await through(chunks), expected);
    }),
  );
});
