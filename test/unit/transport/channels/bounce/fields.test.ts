import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  diagnosticCode,
  field,
  mailDate,
  remoteMta,
  typedAddress,
  wrap,
} from '../../../../../src/transport/channels/bounce/fields.ts';

describe('field', () => {
  it('is one field in ASCII with folded lines of bounded length, whatever the value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (value) => {
        const lines = field('X', value).split('\r\n');
        assert.equal(lines.pop(), '');
        for (const [at, line] of lines.entries()) {
          assert.match(line, /^[\x20-\x7e]*$/);
          assert.ok(line.length <= 998);
          if (at > 0) assert.ok(line.startsWith(' '));
        }
      }),
    );
  });

  it('leaves short values as they are', () => {
    assert.equal(field('Status', '5.1.1'), 'Status: 5.1.1\r\n');
  });
});

describe('wrap', () => {
  it('breaks at spaces and loses nothing', () => {
    assert.deepEqual(wrap('aa bb cc', 5), ['aa bb', 'cc']);
    const text = Array.from({ length: 200 }, (_, n) => `word${n}`).join(' ');
    assert.equal(wrap(text, 72).join(' '), text);
    assert.ok(wrap('x'.repeat(5000), 72).every((line) => line.length <= 900));
  });
});

describe('values', () => {
  it('of addresses carry their type', () => {
    assert.equal(typedAddress('a@b.test'), 'rfc822; a@b.test');
    assert.equal(typedAddress('jürgen@b.test'), 'utf-8; j\\x{FC}rgen@b.test');
  });

  it('of diagnostics tell our words from theirs', () => {
    const ours = { code: 550, status: '5.1.2', text: 'no such domain' };
    assert.equal(diagnosticCode(ours), 'X-Mailfarm; 5.1.2 no such domain');
    assert.equal(diagnosticCode({ ...ours, remote: 'mx [192.0.2.1]:25' }), 'smtp; 550 5.1.2 no such domain');
    assert.equal(
      remoteMta({ code: 550, status: '5.1.1', text: 'x', remote: 'mx.test [192.0.2.1]:25' }),
      'dns; mx.test',
    );
  });

  it('of dates are in UTC', () => {
    assert.equal(mailDate(Date.UTC(2026, 10, 22, 9, 5)), 'Sun, 22 Nov 2026 09:05:00 +0000');
  });
});
