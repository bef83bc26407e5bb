import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nearest } from '../../../src/config/nearest.ts';

const KEYS = ['recipients', 'hops', 'connections', 'connectionsPerClient', 'tls'];

test('typing errors find the key that was meant', () => {
  assert.equal(nearest('recipient', KEYS), 'recipients');
  assert.equal(nearest('recipeints', KEYS), 'recipients');
  assert.equal(nearest('Recipients', KEYS), 'recipients');
  assert.equal(nearest('conections', KEYS), 'connections');
  assert.equal(nearest('tsl', KEYS), 'tls');
  assert.equal(nearest('hop', KEYS), 'hops');
});

test('other words find nothing', () => {
  for (const word of ['zebra', '', 'x', 'dns', 'a'.repeat(100_000)])
    assert.equal(nearest(word, KEYS), undefined, word.slice(0, 9));
  assert.equal(nearest('hops', []), undefined);
});

test('property: a word with one letter changed, left out or added is found among the keys', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('recipients', 'connections', 'messageSize'),
      fc.nat(8),
      fc.constantFrom('', 'q', 'qq'),
      (key, at, put) => {
        const typed = key.slice(0, at) + put.slice(0, 1) + key.slice(at + (put === 'qq' ? 0 : 1));
        assert.equal(nearest(typed, [...KEYS, 'messageSize']), key);
      },
    ),
  );
});
