/** Contents have exactly the size that was asked for, and differ by their number alone. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LEAST_BYTES, makeContents } from '../../bench/content.ts';

describe('makeContents', () => {
  it('makes contents of an exact size, well formed for the wire', () => {
    fc.assert(
      fc.property(fc.integer({ min: LEAST_BYTES, max: 5000 }), fc.nat(99_999_999), (size, number) => {
        const text = makeContents(size)(number).toString('latin1');
        assert.ok(text.endsWith('\r\n.\r\n'));
        const content = text.slice(0, -3);
        assert.equal(content.length, size);
        assert.match(content, new RegExp(`^X-Bench-Number: ${String(number).padStart(8, '0')}\r$`, 'm'));
        assert.doesNotMatch(content, /^\./m);
        assert.doesNotMatch(content, /[^\r]\n|\r[^\n]/);
      }),
    );
  });

  it('gives each message bytes of its own', () => {
    const makeContent = makeContents(1024);
    const first = makeContent(1);
    assert.notDeepEqual(makeContent(2), first);
    assert.deepEqual(makeContent(1), first);
  });
});
