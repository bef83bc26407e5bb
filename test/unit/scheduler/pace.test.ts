import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Pace } from '../../../src/scheduler/pace.ts';

/** What is made up for of the lateness of whoever waits, ms. */
const LATE_MS = 10;
const rate = fc.record({
  perSecond: fc.double({ min: 1 / 3600, max: 5000, noNaN: true }),
  burst: fc.integer({ min: 1, max: 50 }),
});

describe('a pace', () => {
  it('never lets more through than burst + rate · t, in any window of time', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(rate, gaps, (limit, pauses) => {
        const pace = new Pace(limit);
        const times: number[] = [];
        let now = 1000;
        for (const pause of pauses) {
          now += pause;
          for (let i = 0; i < 5 && pace.wait(now) === 0; i += 1) {
            pace.take(now);
            times.push(now);
          }
        }
        const { perSecond, burst } = limit;
        const atOnce = Math.max(burst, 1 + (LATE_MS * perSecond) / 1000);
        times.forEach((from, i) => {
          for (let j = i; j < times.length; j += 1) {
            const most = atOnce + (((times[j] ?? 0) - from) * perSecond) / 1000;
            assert.ok(j - i + 1 <= most + 1e-6, `${j - i + 1} in ${(times[j] ?? 0) - from} ms, not ${most}`);
          }
        });
      }),
    );
  });

  it('says how many have room, and how long the next one waits, as it then lets them through', () => {
    fc.assert(
      fc.property(rate, fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 20 }), (limit, pauses) => {
        const pace = new Pace(limit);
        let now = 0;
        for (const pause of pauses) {
          now += pause;
          const room = pace.room(now);
          for (let i = 0; i < room; i += 1) {
            assert.ok(pace.wait(now) < 1e-6, `number ${i + 1} of ${room} had to wait`);
            pace.take(now);
          }
          const wait = pace.wait(now);
          assert.ok(wait > 0);
          assert.equal(pace.room(now + wait + 1e-3) > 0, true);
        }
      }),
    );
  });

  it('lets a burst go after a pause, and then one at a time', () => {
    const pace = new Pace({ perSecond: 2, burst: 5 });
    assert.equal(pace.room(0), 5);
    for (let i = 0; i < 5; i += 1) pace.take(0);
    assert.deepEqual([pace.room(0), pace.wait(0), pace.room(499), pace.room(500), pace.room(1000)], [0, 500, 0, 1, 2]);
    assert.equal(pace.room(1e9), 5, 'a long pause saves up no more');
  });

  for (const perSecond of [1 / 60, 5, 90, 500, 5000]) {
    it(`reaches ${perSecond} in a second, though who waits comes late`, () => {
      const pace = new Pace({ perSecond, burst: 1 });
      let now = 0;
      let taken = 0;
      while (taken < 2000) {
        for (let room = pace.room(now); room > 0; room -= 1, taken += 1) pace.take(now);
        // As a timer does: in whole ms, one at least, and later than it was asked to.
        now += Math.max(1, Math.ceil(pace.wait(now))) + 3;
      }
      const reached = taken / (now / 1000);
      assert.ok(reached >= perSecond * 0.97 && reached <= perSecond * 1.03, `${reached} in a second`);
    });
  }
});
