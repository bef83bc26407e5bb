import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBounds, RESIZABLE } from '../../../../src/cli/mailfarm/bounds.ts';

test('reads one number or two', () => {
  assert.deepEqual(parseBounds('4'), { least: 4, most: 4 });
  assert.deepEqual(parseBounds('2:6'), { least: 2, most: 6 });
  assert.deepEqual(parseBounds('0:1'), { least: 0, most: 1 });
});

test('says why what is no size is none', () => {
  for (const text of ['', ':4', '4:', '-1', '1.5', 'x', '1:2:3']) {
    assert.match(
      JSON.stringify(parseBounds(text)),
      /^"the size is a number of workers as 4, or least and most as 2:6/,
      text,
    );
  }
  for (const text of ['0', '0:0', '65', '1:9999']) assert.equal(parseBounds(text), 'most must be 1 to 64', text);
  assert.equal(parseBounds('6:2'), 'least is above most');
});

test('a farm that is always one, or comes and goes by itself, has no size', () => {
  assert.deepEqual(RESIZABLE.toSorted(), ['acceptor', 'bounce', 'filter', 'lmtp', 'maildir', 'router', 'smtp']);
});
