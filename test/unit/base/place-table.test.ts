import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PlaceTable, type Place } from '../../../src/base/place-table.ts';

describe('a table of places', () => {
  it('tells what was added with a hash, in that order, as a map of lists would', () => {
    const number = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    // Few hashes, and some that are alike in their last bits.
    const hash = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(1024, 2048, 2 ** 32 - 1, 2 ** 31));
    const place = fc.record({ file: number, offset: number, length: number }, { noNullPrototype: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(hash, place), { maxLength: 100 }), (rows) => {
        const table = new PlaceTable();
        const model = new Map<number, Place[]>();
        for (const [key, value] of rows) {
          table.add(key, value);
          model.set(key, [...(model.get(key) ?? []), value]);
        }
        for (const [key, places] of model) assert.deepEqual(table.of(key), places);
        assert.deepEqual(table.of(77), []);
      }),
    );
  });

  it('holds very many', () => {
    const table = new PlaceTable();
    const hashOf = (i: number): number => Math.imul(i, 0x9e3779b1) >>> 0;
    for (let i = 0; i < 100_000; i += 1) table.add(hashOf(i), { file: i, offset: i * 2, length: i * 3 });
    for (let i = 0; i < 100_000; i += 997) {
      assert.deepEqual(table.of(hashOf(i)), [{ file: i, offset: i * 2, length: i * 3 }]);
    }
  });
});
