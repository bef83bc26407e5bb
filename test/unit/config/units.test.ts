import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../../src/config/units.ts';

test('durations come with a unit, or are seconds', () => {
  const cases: [unknown, number][] = [
    ['200ms', 200],
    ['60s', 60_000],
    ['5m', 300_000],
    ['4h', 14_400_000],
    ['5d', 432_000_000],
    ['1.5h', 5_400_000],
    ['0s', 0],
    [90, 90_000],
    [0.5, 500],
    [0, 0],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, String(text));
});

test('sizes come with a unit, or are bytes', () => {
  const cases: [unknown, number][] = [
    ['500B', 500],
    ['256KiB', 262_144],
    ['1.5MiB', 1_572_864],
    ['10MB', 10_000_000],
    ['2GiB', 2_147_483_648],
    [4096, 4096],
    [0, 0],
  ];
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, String(text));
});

test('what is neither is undefined', () => {
  for (const wrong of [
    '',
    '5',
    's',
    '5 m',
    '5M',
    '5min',
    '-5s',
    '1e3s',
    '5s ',
    '0x5s',
    null,
    undefined,
    true,
    [],
    {},
    -1,
    NaN,
    Infinity,
  ]) {
    assert.equal(parseDuration(wrong), undefined, JSON.stringify(wrong));
  }
  for (const wrong of ['', '5', '5K', '5kb', '5 MiB', '-1B', '9999999999GiB', null, true, [], -1, NaN]) {
    assert.equal(parseSize(wrong), undefined, JSON.stringify(wrong));
  }
});

test('the shortest way to write it', () => {
  assert.deepEqual([0, 1, 1500, 90_000, 3_600_000, 86_400_000].map(formatDuration), [
    '0',
    '1ms',
    '1500ms',
    '90s',
    '1h',
    '1d',
  ]);
  assert.deepEqual([0, 1000, 1024, 262_144, 67_108_864].map(formatSize), ['0', '1000B', '1KiB', '256KiB', '64MiB']);
});

test('property: what is written is read back', () => {
  fc.assert(
    fc.property(fc.nat(), (value) => {
      assert.equal(parseDuration(formatDuration(value)) ?? 0, value);
      assert.equal(parseSize(formatSize(value)) ?? 0, value);
    }),
  );
});
