import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { medianGap, pauseAround } from '../../../../../src/cli/mailfarm/drill/pauses.ts';

/** An event every 10 ms from 0 to 100, nothing until 600, then on to 700. */
const TIMES = [...range(0, 100), ...range(600, 700)];

function range(from: number, to: number): number[] {
  return Array.from({ length: (to - from) / 10 + 1 }, (_, n) => from + n * 10);
}

describe('medianGap', () => {
  it('is what is usual, whatever one gap is', () => assert.equal(medianGap(TIMES), 10));
  it('is nothing for less than two events', () => {
    assert.equal(medianGap([]), 0);
    assert.equal(medianGap([5]), 0);
  });
});

describe('pauseAround', () => {
  it('is the gap that holds the kill, from the kill on, beyond what is usual', () => {
    assert.equal(pauseAround(TIMES, { from: 110, to: 110 }), 480);
    assert.equal(pauseAround(TIMES, { from: 590, to: 590 }), 0);
  });

  it('finds a gap that begins only before the worker is replaced', () => {
    assert.equal(pauseAround(TIMES, { from: 45, to: 120 }), 490);
    assert.equal(pauseAround(TIMES, { from: 45, to: 60 }), 0);
  });

  it('leaves to the next kill what came after that', () => {
    assert.equal(pauseAround(TIMES, { from: 45, to: 100, until: 130 }), 20);
    assert.equal(pauseAround(TIMES, { from: 130, to: 200, until: 900 }), 460);
  });

  it('says nothing of a kill after the last event, or before any two', () => {
    assert.equal(pauseAround(TIMES, { from: 705, to: 800 }), undefined);
    assert.equal(pauseAround([], { from: 1, to: 2 }), undefined);
    assert.equal(pauseAround([5], { from: 1, to: 2 }), undefined);
  });
});
