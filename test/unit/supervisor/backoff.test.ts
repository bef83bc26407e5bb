import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Backoff, type Death } from '../../../src/supervisor/backoff.ts';

const SOON: Death = { livedMs: 50, killed: false };
const LATE: Death = { livedMs: 60_000, killed: false };

describe('Backoff', () => {
  it('lets the first worker be replaced at once, then waits 1, 2, 4 … 60 seconds', () => {
    const backoff = new Backoff();
    const waits = Array.from({ length: 9 }, (_, n) => backoff.note(SOON, n * 100_000));
    assert.deepEqual(waits, [0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  it('forgets a crash loop when a worker lived long', () => {
    const backoff = new Backoff();
    for (let n = 0; n < 5; n += 1) backoff.note(SOON, 0);
    assert.equal(backoff.note(LATE, 100_000), 0);
    assert.equal(backoff.note(SOON, 200_000), 0);
    assert.equal(backoff.note(SOON, 200_000), 1000);
  });

  it('waits a second at most for workers that were killed', () => {
    const backoff = new Backoff();
    const waits = Array.from({ length: 5 }, () => backoff.note({ livedMs: 100, killed: true }, 0));
    assert.deepEqual(waits, [0, 1000, 1000, 1000, 1000]);
  });

  it('counts the wait down and is never over before it', () => {
    const backoff = new Backoff();
    assert.equal(backoff.leftMs(0), 0);
    backoff.note(SOON, 0);
    backoff.note(SOON, 500);
    assert.equal(backoff.leftMs(600), 900);
    assert.equal(backoff.leftMs(5000), 0);
  });

  it('starts anew after a reset', () => {
    const backoff = new Backoff();
    for (let n = 0; n < 5; n += 1) backoff.note(SOON, 0);
    backoff.reset();
    assert.equal(backoff.leftMs(0), 0);
    assert.equal(backoff.note(SOON, 0), 0);
  });

  it('never waits longer than a minute, nor less than nothing', () => {
    const death = fc.record({ livedMs: fc.nat(100_000), killed: fc.boolean() });
    fc.assert(
      fc.property(fc.array(death, { maxLength: 100 }), (deaths) => {
        const backoff = new Backoff();
        return deaths.every((each, n) => {
          const wait = backoff.note(each, n);
          return wait >= 0 && wait <= 60_000 && backoff.leftMs(n) <= 60_000;
        });
      }),
    );
  });
});
