import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineEnds } from '../../../../src/cli/sendmail/line-ends.ts';

/** Runs the chunks through; what is after the end is not given any more, as the reader does. */
function convert(chunks: readonly string[], dotEnds = false): string {
  const lines = new LineEnds({ dotEnds });
  let text = '';
  for (const chunk of chunks) text += lines.push(Buffer.from(chunk, 'latin1')).toString('latin1');
  return text + lines.end().toString('latin1');
}

test('every line end becomes CRLF', () => {
  assert.equal(convert(['a\nb\r\nc\rd\n']), 'a\r\nb\r\nc\r\nd\r\n');
  assert.equal(convert(['\n\r\n\r']), '\r\n\r\n\r\n');
});

test('the last line gets its end, an empty input stays empty', () => {
  assert.equal(convert(['a']), 'a\r\n');
  assert.equal(convert(['a.']), 'a.\r\n');
  assert.equal(convert([]), '');
});

test('a line with a single dot ends the message, where wanted', () => {
  assert.equal(convert(['a\n.\nb\n'], true), 'a\r\n');
  assert.equal(convert(['.\nb\n'], true), '');
  assert.equal(convert(['a\n..\n. \n.b\nc.\n'], true), 'a\r\n..\r\n. \r\n.b\r\nc.\r\n');
  assert.equal(convert(['a\n.'], true), 'a\r\n');
  assert.equal(convert(['a\n.\nb\n'], false), 'a\r\n.\r\nb\r\n');
});

test('bytes above 127 and NUL pass', () => {
  assert.equal(convert(['\u0000\u0080\u00ff\n']), '\u0000\u0080\u00ff\r\n');
});

test('where the input is cut makes no difference', () => {
  const piece = fc.constantFrom('.', '\r', '\n', '\r\n', 'a', '\n.\n', '\r\n.\r\n', '..');
  fc.assert(
    fc.property(fc.array(piece), fc.array(fc.nat({ max: 3 })), fc.boolean(), (pieces, cuts, dotEnds) => {
      const whole = pieces.join('');
      const chunks: string[] = [];
      let at = 0;
      for (const cut of cuts) {
        chunks.push(whole.slice(at, at + cut));
        at += cut;
      }
      chunks.push(whole.slice(at));
      const result = convert(chunks, dotEnds);
      assert.equal(result, convert([whole], dotEnds));
      assert.equal(result.replace(/\r\n/g, '').search(/[\r\n]/), -1);
      if (dotEnds) assert.equal(`\r\n${result}`.includes('\r\n.\r\n'), false);
    }),
  );
});

test('stops taking input after the end', () => {
  const lines = new LineEnds({ dotEnds: true });
  lines.push(Buffer.from('a\n.\nmore\n'));
  assert.equal(lines.ended, true);
  assert.equal(lines.push(Buffer.from('b\n')).length, 0);
  assert.equal(lines.end().length, 0);
});
