import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DrainTally } from '../../../src/supervisor/drain-tally.ts';
import { Standstill, STANDSTILL_MS } from '../../../src/supervisor/standstill.ts';

const STEP = STANDSTILL_MS / 4;

function work(more: { since?: number; taken?: number; reported?: number; inDelivery?: number } = {}) {
  return { since: 1, taken: 5, reported: 5, inDelivery: 0, ...more };
}

/** Whether it was given up at any of these looks, a quarter of the limit apart. */
function givesUp(looks: readonly (ReturnType<typeof work> | undefined)[], rests = false): boolean {
  const standstill = new Standstill();
  return looks.map((look, n) => standstill.note(look, rests, n * STEP)).includes(true);
}

test('nothing moves for the whole time: it is given up, and not before', () => {
  assert.equal(givesUp(Array.from({ length: 6 }, () => work())), true);
  assert.equal(givesUp(Array.from({ length: 4 }, () => work())), false);
});

test('reports, messages that are taken over, and deliveries under way are progress', () => {
  const many = Array.from({ length: 20 }, (_, n) => n);
  assert.equal(givesUp(many.map((n) => work({ reported: n }))), false);
  assert.equal(givesUp(many.map((n) => work({ taken: n }))), false);
  assert.equal(givesUp(many.map(() => work({ inDelivery: 1 }))), false);
});

test('mail that waits for its time may take as long as it likes', () => {
  assert.equal(
    givesUp(
      Array.from({ length: 20 }, () => work()),
      true,
    ),
    false,
  );
});

test('a scheduler that never answers, or dies again and again over the same, gets nowhere', () => {
  assert.equal(givesUp(Array.from({ length: 6 }, () => undefined)), true);
  const lives = Array.from({ length: 20 }, (_, n) => work({ since: n, taken: n % 2 ? 5 : 0, reported: 0 }));
  assert.equal(givesUp(lives), true);
});

test('the sum counts what a scheduler did that was replaced meanwhile', () => {
  const tally = new DrainTally();
  assert.deepEqual(tally.sum, { delivered: 0, bounced: 0 });
  tally.note({ since: 1, delivered: 3, bounced: 0 });
  tally.note({ since: 1, delivered: 5, bounced: 1 });
  tally.note({ since: 2, delivered: 2, bounced: 0 });
  tally.note({ since: 3, delivered: 1, bounced: 1 });
  assert.deepEqual(tally.sum, { delivered: 8, bounced: 2 });
});
