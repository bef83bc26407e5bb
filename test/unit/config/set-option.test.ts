import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseSetOptions } from '../../../src/config/set-option.ts';

function valueOf(text: string): unknown {
  const { options, wrong } = parseSetOptions([text]);
  assert.deepEqual(wrong, []);
  return options[0]?.value;
}

test('the value is YAML', () => {
  assert.equal(valueOf('a=4'), 4);
  assert.equal(valueOf('a=text with = and spaces'), 'text with = and spaces');
  assert.equal(valueOf('a=127.0.0.1:0'), '127.0.0.1:0');
  assert.equal(valueOf('a="[::1]:25"'), '[::1]:25');
  assert.equal(valueOf('a=smtp:[127.0.0.1]:2526'), 'smtp:[127.0.0.1]:2526');
  assert.equal(valueOf('a=*'), '*');
  assert.deepEqual(valueOf('a=[{match: "*", via: "smtp:[127.0.0.1]:2526"}]'), [
    { match: '*', via: 'smtp:[127.0.0.1]:2526' },
  ]);
  assert.equal(valueOf('a='), null);
});

test('the key is a path', () => {
  const { options } = parseSetOptions(['listen.0.address=x', ' spaced =y']);
  assert.deepEqual(
    options.map(({ name, path }) => [name, path]),
    [
      ['listen.0.address', ['listen', '0', 'address']],
      ['spaced', ['spaced']],
    ],
  );
});

test('right and wrong options are told apart', () => {
  const { options, wrong } = parseSetOptions(['a=1', 'nothing', '=x', 'a..b=1', '.a=1', 'a.=1', 'c=[', 'b=2']);
  assert.deepEqual(
    options.map(({ name }) => name),
    ['a', 'b'],
  );
  assert.deepEqual(
    wrong.map(({ option }) => option),
    ['nothing', '=x', 'a..b=1', '.a=1', 'a.=1', 'c'],
  );
});

test('property: no text throws', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const { options, wrong } = parseSetOptions([text, `a=${text}`]);
      assert.equal(options.length + wrong.length, 2);
    }),
  );
});
