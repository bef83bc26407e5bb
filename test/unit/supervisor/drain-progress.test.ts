import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BinStats } from '../../../src/ipc/insight.ts';
import { DrainProgress } from '../../../src/supervisor/drain-progress.ts';

const NOW = 1_000_000;

function bin(more: Partial<BinStats>): BinStats {
  return { hop: { channel: 'smtp', next: 'far.example' }, waiting: 1, lanes: 0, inDelivery: 0, ...more };
}

function notes(...stats: readonly (readonly [number, number, readonly BinStats[]])[]): string[] {
  const told: string[] = [];
  const progress = new DrainProgress((line) => told.push(line));
  for (const [at, left, bins] of stats)
    progress.note({ active: left > 0 ? 1 : 0, parked: Math.max(0, left - 1), bins }, at);
  return told;
}

test('tells how many messages are left and when the next attempt is, the soonest of all bins', () => {
  const bins = [bin({ until: NOW + 3_700_000 }), bin({ until: NOW + 56_400 })];
  assert.deepEqual(notes([NOW, 3, bins]), ['draining: 3 messages left, next attempt in 56s']);
});

test('tells no time while something is under way, or where no bin waits as a whole', () => {
  const busy = [bin({ until: NOW + 60_000 }), bin({ inDelivery: 1 })];
  assert.deepEqual(notes([NOW, 1, busy]), ['draining: 1 message left']);
  assert.deepEqual(notes([NOW, 2, []]), ['draining: 2 messages left']);
});

test('tells a change once, and not more often than every five seconds; an empty queue is not worth a line', () => {
  const told = notes(
    [NOW, 9, []],
    [NOW + 200, 8, []],
    [NOW + 5000, 7, []],
    [NOW + 20_000, 7, []],
    [NOW + 30_000, 0, []],
  );
  assert.deepEqual(told, ['draining: 9 messages left', 'draining: 7 messages left']);
});
