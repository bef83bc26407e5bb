import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBounds } from '../../../../src/cli/mailfarm/bounds.ts';

test('reads one number or two', () => {
  assert.deepEqual(parseBounds('4'), { least: 4, most: 4 });
  assert.deepEqual(parseBounds('2:6'), { least: 2, most: 6 });
  assert.deepEqual(parseBounds('0:1'), { least: 0, most: 1 });
});

test('refuses what is no size', () => {
  for (const text of ['', '0', '6:2', ':4', '4:', '-1', '1.5', 'x', '1:2:3', '9999', '1:9999']) {
    assert.equal(parseBounds(text), undefined, text);
  }
});
