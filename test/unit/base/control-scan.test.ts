import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ControlScan } from '../../../src/base/control-scan.ts';

describe('the scan for control bytes', () => {
  it('finds what a look at each byte finds, at any alignment and from anywhere', () => {
    const byte = fc.oneof({ weight: 20, arbitrary: fc.integer({ min: 14, max: 255 }) }, fc.nat(13));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 300 }), fc.nat(7), fc.nat(310), (bytes, shift, from) => {
        const buffer = Buffer.concat([Buffer.alloc(shift, 'x'), Buffer.from(bytes)]).subarray(shift);
        const found = bytes.findIndex((value, at) => at >= from && value < 14);
        const expected = found === -1 ? Math.max(from, bytes.length) : found;
        assert.equal(new ControlScan(buffer).next(from), expected);
      }),
      { numRuns: 5000 },
    );
  });
});
