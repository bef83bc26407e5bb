import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compileMailboxes, isSafeMailbox, withoutTag } from '../../../src/mail/mailboxes.ts';

describe('compileMailboxes', () => {
  it('gives every safe name a mailbox with *', () => {
    const find = compileMailboxes('*');
    assert.equal(find('anna', 'x.org'), 'anna');
    assert.equal(find('Anna', 'x.org'), 'anna');
    assert.equal(find('anna.b-c_d9', 'x.org'), 'anna.b-c_d9');
    assert.equal(find('rené', 'x.org'), 'rené');
  });

  const hostile = [
    '..',
    '.',
    '.hidden',
    '../../tmp/x',
    'user/../root',
    'a/b',
    '|/bin/sh',
    '"|/bin/sh -c id"',
    '/etc/passwd',
    ';id;',
    '-oQ/tmp',
    '${{7*7}}',
    '${run{x}}',
    'user%other.org',
    'a!b!user',
    ':include:/etc/passwd',
    'a b',
    'a\u0000',
    'a\n',
    '"a\\"b"',
    'a'.repeat(65),
    '',
    '+',
    '+tag',
    '~root',
    'a\\b',
    'ａ'.normalize('NFD') + '\u200b',
  ];
  for (const local of hostile) {
    it(`has no mailbox for ${JSON.stringify(local)}`, () =>
      assert.equal(compileMailboxes('*')(local, 'x.org'), undefined));
  }

  it('drops the tag, unless the name with it is a mailbox', () => {
    const find = compileMailboxes(['anna', 'anna+lists']);
    assert.equal(find('anna+shop', 'x.org'), 'anna');
    assert.equal(find('anna+../../x', 'x.org'), 'anna');
    assert.equal(find('anna+', 'x.org'), 'anna');
    assert.equal(withoutTag('a+b+c'), 'a');
    assert.equal(withoutTag('+b'), '+b');
  });

  it('knows only the listed names, of every domain or of one', () => {
    const find = compileMailboxes(['Anna', 'bob@X.org']);
    assert.equal(find('anna', 'y.org'), 'anna');
    assert.equal(find('bob', 'x.org'), 'bob');
    assert.equal(find('bob', 'y.org'), undefined);
    assert.equal(find('carl', 'x.org'), undefined);
    for (const name of ['constructor', '__proto__', 'tostring', 'hasownproperty']) {
      assert.equal(find(name, 'x.org'), undefined);
    }
  });

  it('always knows postmaster', () => {
    assert.equal(compileMailboxes([])('Postmaster', 'x.org'), 'postmaster');
  });

  it('never gives a name that leaves its folder', () => {
    const find = compileMailboxes('*');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (local) => {
        const name = find(local, 'x.org');
        if (name === undefined) return;
        assert.ok(isSafeMailbox(name));
        assert.doesNotMatch(name, /^[.-]|[/\\\p{C}\s]/u);
      }),
    );
  });
});
