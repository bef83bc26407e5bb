import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BitSet } from '../../../src/base/bit-set.ts';
import { Deque } from '../../../src/base/deque.ts';

describe('a deque', () => {
  it('does what an array does', () => {
    const step = fc.oneof(fc.constant('shift' as const), fc.constant('unshift' as const), fc.constant('push' as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const [deque, array] = [new Deque<number>(), [] as number[]];
        for (const [i, what] of steps.entries()) {
          if (what === 'shift') assert.equal(deque.shift(), array.shift());
          else {
            deque[what](i);
            array[what](i);
          }
          assert.equal(deque.length, array.length);
        }
      }),
    );
  });

  it('keeps its order when it is long and was emptied in between', () => {
    const deque = new Deque<number>();
    let expected = 0;
    for (let i = 0; i < 10_000; i += 1) {
      deque.push(i);
      if (i % 3 !== 0) assert.equal(deque.shift(), expected++);
    }
    while (deque.length > 0) assert.equal(deque.shift(), expected++);
    assert.equal(expected, 10_000);
  });
});

describe('a bit set', () => {
  it('does what a set does', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5000)), (numbers) => {
        const [bits, set] = [new BitSet(), new Set<number>()];
        for (const n of numbers) {
          assert.equal(bits.add(n), !set.has(n));
          set.add(n);
        }
        assert.equal(bits.count, set.size);
        for (const n of numbers) assert.ok(bits.has(n));
        assert.equal(bits.has(6000), false);
      }),
    );
  });
});
