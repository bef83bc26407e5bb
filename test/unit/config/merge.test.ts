import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isSection, merge, valueAt, withValue } from '../../../src/config/merge.ts';

test('sections merge, lists and values are replaced', () => {
  const base = { a: { b: 1, c: 2 }, list: [1, 2, 3], d: 'x' };
  assert.deepEqual(merge(base, { a: { c: 3 }, list: [9], e: 5 }), { a: { b: 1, c: 3 }, list: [9], d: 'x', e: 5 });
  assert.deepEqual(merge(base, { a: 7 }), { a: 7, list: [1, 2, 3], d: 'x' });
});

test('an empty section changes nothing, a key without a value does', () => {
  assert.deepEqual(merge({ a: { b: 1 } }, { a: null }), { a: { b: 1 } });
  assert.deepEqual(merge({ a: { b: 1 } }, { a: { b: null } }), { a: { b: null } });
  assert.deepEqual(merge({ a: 1 }, null), { a: 1 });
});

test('keys of Object.prototype are ordinary keys', () => {
  const merged = merge({}, JSON.parse('{"__proto__":{"evil":1},"constructor":2}'));
  assert.ok(isSection(merged));
  assert.deepEqual(Object.keys(merged), ['__proto__', 'constructor']);
  assert.equal(merged['evil'], undefined);
  assert.equal(({} as Record<string, unknown>)['evil'], undefined);
  assert.equal(valueAt({}, ['toString']), undefined);
});

test('values are set along a path, through sections and list items', () => {
  const root = { listen: [{ address: 'a', role: 'mx' }], limits: { hops: 5 } };
  assert.deepEqual(withValue(root, ['listen', '0', 'address'], 'b')?.root, {
    ...root,
    listen: [{ address: 'b', role: 'mx' }],
  });
  assert.deepEqual(withValue(root, ['listen', '1', 'address'], 'b')?.root, {
    ...root,
    listen: [{ address: 'a', role: 'mx' }, { address: 'b' }],
  });
  assert.deepEqual(withValue(root, ['limits', 'hops'], 6)?.root, { ...root, limits: { hops: 6 } });
  assert.deepEqual(withValue(root, ['new', 'key'], 1)?.root, { ...root, new: { key: 1 } });
  assert.deepEqual(withValue(root, ['limits'], { errors: 1 })?.root, { ...root, limits: { hops: 5, errors: 1 } });
});

test('a list has no such place', () => {
  for (const key of ['2', '-1', 'x', '0.5', '']) assert.equal(withValue({ a: [1] }, ['a', key], 1), undefined, key);
});

test('property: what is set is found, and the old value is untouched', () => {
  const json = fc.jsonValue({ maxDepth: 3 });
  const path = fc.array(fc.stringMatching(/^[a-z_]{1,10}$/), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.dictionary(fc.string(), json), path, (root, keys) => {
      const before = JSON.stringify(root);
      const next = withValue(root, keys, 'here');
      assert.equal(JSON.stringify(root), before);
      if (next !== undefined) assert.equal(valueAt(next.root, keys), 'here');
    }),
  );
});
