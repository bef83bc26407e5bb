import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { errorCode, errorText, oneLine } from '../../../src/base/text.ts';

describe('text from outside', () => {
  it('becomes one line without anything that a terminal or a log obeys', () => {
    assert.equal(oneLine('a\r\nX-Evil: 1'), 'a X-Evil: 1');
    assert.equal(oneLine('\u001b[31mred\u0007 \u202egnp.exe\u2066\u200b'), '[31mred   gnp.exe');
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 50 }), (text, max) => {
        const line = oneLine(text, max);
        assert.equal(unsafe.test(line), false);
        assert.ok(line.length <= max);
      }),
    );
  });

  it('is cut, and says so', () => {
    assert.equal(oneLine('x'.repeat(2000)).length, 1000);
    assert.equal(oneLine('abcdef', 4), 'abc…');
    assert.equal(oneLine('\n'.repeat(10_000_000)), '');
  });
});

describe('what was thrown', () => {
  it('has a text and perhaps a code', () => {
    assert.equal(errorText(new Error('x')), 'x');
    assert.equal(errorText(7), '7');
    assert.equal(errorText(undefined), 'undefined');
    assert.equal(errorCode(Object.assign(new Error('x'), { code: 'ENOENT' })), 'ENOENT');
    for (const value of [undefined, null, 'x', {}, { code: 5 }]) assert.equal(errorCode(value), undefined);
  });
});
