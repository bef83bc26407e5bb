import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAliases } from '../../../src/mail/aliases.ts';
import { findCircles } from '../../../src/supervisor/alias-circles.ts';

const DOMAINS = ['localhost', 'example.org'];

function circles(...lines: readonly string[]): readonly string[] {
  return findCircles(parseAliases(lines.join('\n'), 'aliases').table, DOMAINS);
}

test('a circle is told once, with all that are in it', () => {
  assert.deepEqual(circles('postmaster: abuse', 'abuse: postmaster'), ['postmaster -> abuse -> postmaster']);
  assert.deepEqual(circles('out: a', 'a: b', 'b: c, bob', 'c: a'), ['a -> b -> c -> a']);
  assert.deepEqual(circles('a: b@example.org', 'b: a@localhost'), ['a -> b@example.org -> a']);
  assert.deepEqual(circles('a: b+tag', 'b: a'), ['a -> b -> a']);
});

test('what comes together again, names itself, or leads elsewhere is none', () => {
  assert.deepEqual(circles('a: b, c', 'b: d', 'c: d', 'd: anna'), []);
  assert.deepEqual(circles('anna: anna, anna@example.net'), []);
  assert.deepEqual(circles('a: b@example.net', 'b: a'), []);
  assert.deepEqual(circles('a@example.org: a@localhost'), []);
});

test('a long chain and many circles cost neither stack nor patience', () => {
  const chain = Array.from({ length: 50_000 }, (_, n) => `a${n}: a${n + 1}`);
  assert.deepEqual(circles(...chain), []);
  const pairs = Array.from({ length: 1000 }, (_, n) => [`a${n}: b${n}`, `b${n}: a${n}`]).flat();
  assert.equal(circles(...pairs).length, 20);
});
