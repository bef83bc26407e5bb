import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAge, formatSize, formatTime, formatUntil, isoTime } from '../../../../src/cli/common/units.ts';

test('ages have one unit', () => {
  const cases: readonly (readonly [number, string])[] = [
    [-5, '0s'],
    [999, '0s'],
    [59_999, '59s'],
    [60_000, '1m'],
    [3_599_999, '59m'],
    [3_600_000, '1h'],
    [86_400_000 * 3.9, '3d'],
  ];
  for (const [ms, text] of cases) assert.equal(formatAge(ms), text);
});

test('times to come', () => {
  assert.equal(formatUntil(1000, 2000), 'now');
  assert.equal(formatUntil(2001, 2000), 'in 1s');
  assert.equal(formatUntil(302_000, 2000), 'in 5m');
});

test('sizes', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0'],
    [1023, '1023'],
    [1024, '1.0K'],
    [10_240, '10K'],
    [1_572_864, '1.5M'],
    [5 * 1024 ** 4, '5120G'],
  ];
  for (const [bytes, text] of cases) assert.equal(formatSize(bytes), text);
});

test('points in time, wrong ones too', () => {
  assert.match(formatTime(Date.UTC(2026, 10, 22, 12)), /^2026-11-2[123] \d\d:00:00$|^2026-11-2[123] \d\d:\d\d:00$/);
  assert.equal(formatTime(Number.NaN), '-');
  assert.equal(isoTime(0), '1970-01-01T00:00:00.000Z');
  assert.equal(isoTime(undefined), undefined);
  assert.equal(isoTime(1e20), undefined);
});
