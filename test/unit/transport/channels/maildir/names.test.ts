import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fileName, parseMailbox } from '../../../../../src/transport/channels/maildir/names.ts';
import { ID, makeMessage } from '../../support.ts';

describe('parseMailbox', () => {
  it('reads domain and user', () => {
    assert.deepEqual(parseMailbox('example.org/user'), { domain: 'example.org', user: 'user' });
    assert.deepEqual(parseMailbox('example.org/constructor'), { domain: 'example.org', user: 'constructor' });
  });

  it('refuses what could lead elsewhere', () => {
    for (const bad of [
      '',
      'x',
      '/x',
      'x/',
      './x',
      'x/.',
      '../x',
      'x/..',
      'x/../y',
      'x/a/b',
      'x/.hidden',
      'x/a\0b',
      'x/a\nb',
      'x\\y/z',
      `x/${'u'.repeat(300)}`,
    ]) {
      assert.equal(parseMailbox(bad), undefined, bad);
    }
  });

  it('never gives a part that is not one plain name', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('.', '/', 'a', '\\', '\0', '~') }), (next) => {
        const mailbox = parseMailbox(next);
        for (const part of mailbox ? [mailbox.domain, mailbox.user] : []) assert.match(part, /^[a~][.a~]*$/);
      }),
    );
  });
});

describe('fileName', () => {
  it('follows from message and recipient', () => {
    const message = makeMessage('x');
    assert.equal(fileName(message, 'a@b.test', 'h.test'), fileName(makeMessage('y'), 'a@b.test', 'h.test'));
    assert.notEqual(fileName(message, 'a@b.test', 'h.test'), fileName(message, 'A@b.test', 'h.test'));
    assert.match(fileName(message, 'a@b.test', 'h.test'), new RegExp(`^1795338000\\.M${ID}R[0-9a-f]{12}\\.h\\.test$`));
  });

  it('has no slash and no colon, whatever the recipient and the host', () => {
    assert.doesNotMatch(fileName(makeMessage('x'), '../../x:y@b', 'a/b:c'), /[/:]/);
  });
});
