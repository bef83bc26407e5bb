import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { countHeader, findHeaderEnd, hasHeader, headerValues, lacksHeader } from '../../../src/mail/headers.ts';

const MESSAGE = Buffer.from(
  [
    'Received: from a by b;',
    '\tSun, 22 Nov 2026 08:45:29 +0000',
    'RECEIVED: from c by d; date',
    'Subject:',
    ' folded',
    '\tthrice',
    'From : André <a@b>',
    'X-Received: no',
    'Empty:',
    '',
    'Received: in the body',
    'Date: in the body',
    '',
  ].join('\r\n'),
);

test('the header ends after the first blank line', () => {
  assert.equal(MESSAGE.subarray(findHeaderEnd(MESSAGE)).toString().split(':')[0], 'Received');
  assert.equal(findHeaderEnd(Buffer.from('\r\nbody')), 2);
  assert.equal(findHeaderEnd(Buffer.from('A: b\r\n')), -1);
  assert.equal(findHeaderEnd(Buffer.from('A: b\n\nbody')), -1);
  assert.equal(findHeaderEnd(Buffer.alloc(0)), -1);
});

test('fields are found in any case, and not in the body', () => {
  assert.ok(hasHeader(MESSAGE, 'subject') && hasHeader(MESSAGE, 'FROM') && hasHeader(MESSAGE, 'Empty'));
  assert.ok(!hasHeader(MESSAGE, 'Date') && !hasHeader(MESSAGE, 'Subj') && !hasHeader(MESSAGE, 'thrice'));
  assert.ok(!hasHeader(Buffer.from('\r\nDate: x\r\n'), 'Date'));
});

test('counting stops at the bound', () => {
  assert.equal(countHeader(MESSAGE, 'Received', 50), 2);
  assert.equal(countHeader(MESSAGE, 'Received', 1), 1);
  assert.equal(countHeader(MESSAGE, 'Received', 0), 0);
  assert.equal(countHeader(Buffer.from('Received: x\r\n'.repeat(5000)), 'Received', 50), 50);
});

test('values are unfolded, trimmed and read as UTF-8', () => {
  assert.deepEqual(headerValues(MESSAGE, 'Subject'), ['folded\tthrice']);
  assert.deepEqual(headerValues(MESSAGE, 'from'), ['André <a@b>']);
  assert.deepEqual(headerValues(MESSAGE, 'received').length, 2);
  assert.deepEqual(headerValues(MESSAGE, 'Empty'), ['']);
  assert.deepEqual(headerValues(MESSAGE, 'Date'), []);
});

test('values are bounded in number and length', () => {
  const block = Buffer.from(`A: ${'x'.repeat(1000)}\r\n`.repeat(500));
  const values = headerValues(block, 'a', { max: 3, length: 11 });
  assert.deepEqual(values, ['xxxxxxxxxx', 'xxxxxxxxxx', 'xxxxxxxxxx']);
});

test('an 8-bit or broken block costs nothing but its bytes', () => {
  const block = Buffer.concat([Buffer.from('A: '), Buffer.from([0xff, 0xfe, 0]), Buffer.from('\r\nB: c')]);
  assert.deepEqual(headerValues(block, 'B'), ['c']);
  assert.equal(headerValues(block, 'A')[0]?.length, 3);
  const folded = Buffer.from(`A:${'\r\n x'.repeat(200_000)}\r\nB: c\r\n`);
  assert.ok(hasHeader(folded, 'B'));
  assert.equal(headerValues(folded, 'A')[0]?.startsWith('x x'), true);
});

test('a message whose first line is no field begins with its body', () => {
  for (const text of ['no header', 'no header\r\nTo: you', ' folded', '\u00e4\r\n']) {
    assert.equal(lacksHeader(Buffer.from(text)), true, text);
  }
  const others = [
    '',
    '\r\nbody',
    'A: b',
    'A : b\r\n',
    'From anna Mon May 2\r\nA: b',
    '>From anna\r\n',
    'x'.repeat(2000),
  ];
  for (const text of others) assert.equal(lacksHeader(Buffer.from(text)), false, text);
});

test('names are taken literally, also those with a meaning elsewhere', () => {
  const block = Buffer.from('__proto__: a\r\nX.Y: b\r\nXaY: c\r\n');
  assert.deepEqual(headerValues(block, '__proto__'), ['a']);
  assert.deepEqual(headerValues(block, 'X.Y'), ['b']);
});

test('property: the fields that were written are the fields that are found', () => {
  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,10}$/);
  const value = fc.stringMatching(/^[!-~]{1,20}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 20 }), fc.string({ maxLength: 60 }), (fields, body) => {
      const header = fields.map(([key, text]) => `${key}: ${text}\r\n`).join('');
      const message = Buffer.from(`${header}\r\n${body}`);
      assert.equal(findHeaderEnd(message), header.length + 2);
      for (const [key] of fields) {
        const expected = fields.filter(([other]) => other.toLowerCase() === key.toLowerCase()).map(([, text]) => text);
        assert.deepEqual(headerValues(message, key.toUpperCase()), expected);
        assert.equal(countHeader(message, key, 100), expected.length);
      }
    }),
  );
});
