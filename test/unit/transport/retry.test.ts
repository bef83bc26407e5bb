import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { retryWait } from '../../../src/transport/retry.ts';

const MINUTE = 60_000;
const TIMES = [MINUTE, 5 * MINUTE, 60 * MINUTE];

function wait(times: readonly number[], attempts: number, random = 0.5): number {
  return Math.round(retryWait(times, attempts, random) / 1000);
}

describe('the wait for a retry', () => {
  it('follows the table by attempts, and repeats its end', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 100].map((attempts) => wait(TIMES, attempts)),
      [60, 300, 3600, 3600, 3600],
    );
  });

  it('takes no attempts for one, and an empty table for a quarter of an hour', () => {
    assert.equal(wait(TIMES, 0), 60);
    assert.equal(wait([], 3), 900);
  });

  it('is a tenth earlier or later by chance', () => {
    assert.equal(wait(TIMES, 1, 0), 54);
    assert.equal(wait(TIMES, 1, 0.999999), 66);
  });
});
