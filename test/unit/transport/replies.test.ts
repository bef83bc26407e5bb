import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isWellFormed, mergeVerdicts, parseReply, reply, verdictOf } from '../../../src/transport/replies.ts';

describe('parseReply', () => {
  it('reads code, status and text, of several lines too', () => {
    assert.deepEqual(parseReply('250 2.1.5 fine'), { code: 250, status: '2.1.5', text: 'fine' });
    assert.deepEqual(parseReply('550-5.1.1 no such\r\n550 5.1.1 user here', 'mx [192.0.2.1]:25'), {
      code: 550,
      status: '5.1.1',
      text: 'no such user here',
      remote: 'mx [192.0.2.1]:25',
    });
  });

  it('makes a status of the code where there is none, or one of another class', () => {
    assert.equal(parseReply('451 later')?.status, '4.0.0');
    assert.equal(parseReply('550 2.0.0 fine?')?.status, '5.0.0');
    assert.equal(parseReply('550 5.1.1234 x')?.status, '5.0.0');
    assert.equal(parseReply('250')?.text, '(no text)');
  });

  it('refuses what is no reply', () => {
    for (const raw of ['', '25', '2500 ok', '250_ok', 'abc', '150 x', '650 x', ' 250 x'])
      assert.equal(parseReply(raw), undefined, raw);
  });

  it('makes one safe line of any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
        const parsed = parseReply(`550 ${text}`);
        // oxlint-disable-next-line no-control-regex -- what must not be there
        assert.doesNotMatch(parsed?.text ?? '', /[\u0000-\u001f\u007f-\u009f]/);
        assert.ok((parsed?.text.length ?? 0) <= 1000);
      }),
    );
  });
});

describe('isWellFormed', () => {
  it('wants one code, and a hyphen on all lines but the last', () => {
    for (const raw of ['250 ok', '250', '250-a\n250 b', '250-a\r\n250-\r\n250 b']) assert.ok(isWellFormed(raw), raw);
    for (const raw of ['250-a\n550 b', '250 a\n250 b', '250-a', '2500 a', '250_a', '25', 'x', '250-a\n25 b'])
      assert.ok(!isWellFormed(raw), raw);
  });
});

describe('verdicts', () => {
  it('follow the class of the code', () => {
    const state = (code: number): string => verdictOf(['a'], reply({ code, status: '4.0.0', text: 'x' })).state;
    assert.deepEqual([250, 451, 421, 550].map(state), ['delivered', 'deferred', 'deferred', 'failed']);
  });

  it('of the same answer become one, in their order', () => {
    const fine = reply({ code: 250, status: '2.0.0', text: 'ok' });
    const bad = reply({ code: 550, status: '5.1.1', text: 'no' });
    const merged = mergeVerdicts([
      verdictOf(['a'], fine),
      verdictOf(['b'], bad),
      verdictOf(['c'], fine),
      verdictOf([], bad),
    ]);
    assert.deepEqual(merged, [verdictOf(['a', 'c'], fine), verdictOf(['b'], bad)]);
  });
});
