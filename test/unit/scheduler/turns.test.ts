import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Turns, type Taker } from '../../../src/scheduler/turns.ts';

interface Busy extends Taker {
  readonly name: number;
  done: number;
}

const DEAREST = 30;
const weights = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 8 });
const busy = (weight: number, name: number): Busy => ({ name, weight, credit: 0, done: 0 });

describe('turns', () => {
  it('give each its share by weight, within one quantum and the dearest piece of work, at any moment', () => {
    fc.assert(
      fc.property(weights, fc.infiniteStream(fc.integer({ min: 1, max: DEAREST })), (shares, costs) => {
        const turns = new Turns<Busy>();
        const all = shares.map(busy);
        for (const one of all) turns.join(one);
        for (let i = 0; i < 500; i += 1) {
          const one = turns.next();
          assert.ok(one);
          const cost = costs.next().value as number;
          one.done += cost;
          turns.charge(cost);
          const shared = all.map(({ done, weight }) => done / weight);
          const bound = 2 + DEAREST / Math.min(...shares);
          assert.ok(Math.max(...shared) - Math.min(...shared) <= bound, JSON.stringify(all));
        }
      }),
    );
  });

  it('give twice the weight twice the work', () => {
    const turns = new Turns<Busy>();
    const all = [busy(1, 0), busy(2, 1), busy(7, 2)];
    for (const one of all) turns.join(one);
    for (let i = 0; i < 1000; i += 1) {
      turns.next()!.done += 1;
      turns.charge(1);
    }
    assert.deepEqual(
      all.map(({ done }) => done),
      [100, 200, 700],
    );
  });

  it('take no credit and no debt along, and know who is in line, whoever joins and leaves', () => {
    const steps = fc.array(fc.oneof(fc.nat(5), fc.constantFrom('leave', 'work')), { maxLength: 300 });
    fc.assert(
      fc.property(weights, steps, (shares, todo) => {
        const turns = new Turns<Busy>();
        const all = shares.map(busy);
        const inLine = new Set<Busy>();
        for (const step of todo) {
          const joins = typeof step === 'number' ? all[step] : undefined;
          if (joins && !inLine.has(joins)) {
            turns.join(joins);
            assert.equal(joins.credit, 0);
            inLine.add(joins);
          } else if (joins === undefined) {
            const one = turns.next();
            assert.equal(one !== undefined && inLine.has(one), inLine.size > 0);
            if (one && step === 'leave') {
              inLine.delete(one);
              turns.leave();
            } else turns.charge(DEAREST);
          }
          assert.equal(turns.size, inLine.size);
        }
        const seen = new Set<Busy>();
        for (let i = 0; i < inLine.size * DEAREST * 12; i += 1) {
          const one = turns.next();
          if (one) seen.add(one);
          turns.charge(1);
        }
        assert.deepEqual(seen, inLine, 'nobody in line starves');
      }),
    );
  });

  it('have nobody to name when nobody is in line', () => {
    const turns = new Turns<Busy>();
    turns.charge(5);
    turns.leave();
    assert.deepEqual([turns.next(), turns.size], [undefined, 0]);
  });
});
