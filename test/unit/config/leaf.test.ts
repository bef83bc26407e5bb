import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  duration,
  flag,
  type leaf,
  listOf,
  oneOf,
  section,
  size,
  text,
  whole,
  wordOr,
} from '../../../src/config/leaf.ts';

type Schema = ReturnType<typeof leaf<unknown>>;

/** What comes out, or what was expected. */
function check(schema: Schema, value: unknown): unknown {
  const parsed = schema.safeParse(value);
  return parsed.success
    ? parsed.data
    : parsed.error.issues.map(({ path, message }) => [...path, message].join(': ')).join('; ');
}

test('numbers', () => {
  assert.equal(check(whole(1, 9), 9), 9);
  for (const wrong of [0, 10, 1.5, '5', NaN, null, undefined, [5]]) {
    assert.equal(check(whole(1, 9), wrong), 'expected a whole number from 1 to 9');
  }
  assert.equal(check(whole(1, 1), 2), 'expected 1');
});

test('durations and sizes keep within their bounds', () => {
  assert.equal(check(duration(1000, 60_000), '1m'), 60_000);
  assert.equal(check(duration(1000, 60_000), '61s'), 'expected a duration from 1s to 1m, such as 30s, 5m, 4h or 5d');
  assert.equal(check(size(0, 1024), '1KiB'), 1024);
  assert.equal(check(size(0, 1024), 1025), 'expected a size from 0 to 1KiB, such as 256KiB or 64MiB');
});

test('words, switches and text', () => {
  assert.equal(check(oneOf('a', 'b', 'c'), 'b'), 'b');
  assert.equal(check(oneOf('a', 'b', 'c'), 'd'), 'expected a, b or c');
  assert.equal(check(oneOf('a'), 'd'), 'expected a');
  assert.equal(check(flag, false), false);
  assert.equal(check(flag, 'yes'), 'expected true or false');
  const upper = text('letters', (value) => (/^[a-z]+$/.test(value) ? value.toUpperCase() : undefined));
  assert.equal(check(upper, 'abc'), 'ABC');
  assert.equal(check(upper, 5), 'expected letters');
});

test('lists tell each wrong item', () => {
  const list = listOf(whole(1, 9), 'numbers');
  assert.deepEqual(check(list, [1, 2]), [1, 2]);
  assert.equal(
    check(list, [0, 1, 'x']),
    '0: expected a whole number from 1 to 9; 2: expected a whole number from 1 to 9',
  );
  assert.equal(check(list, 'x'), 'expected a list of numbers');
});

test('a word or a list', () => {
  const schema = wordOr('*', listOf(whole(1, 9), 'numbers'));
  assert.equal(check(schema, '*'), '*');
  assert.deepEqual(check(schema, [3]), [3]);
  assert.equal(check(schema, [3, 0]), '1: expected a whole number from 1 to 9');
});

test('sections know their keys', () => {
  const schema = section({ a: whole(1, 9), b: flag.default(true) });
  assert.deepEqual(check(schema, { a: 1 }), { a: 1, b: true });
  assert.equal(check(schema, { a: 1, c: 2 }), 'a b');
  assert.equal(check(schema, []), 'expected a section with a, b');
  assert.equal(check(schema, {}), 'a: expected a whole number from 1 to 9');
});
