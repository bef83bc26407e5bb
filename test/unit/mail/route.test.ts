import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseMatch, parseVia } from '../../../src/mail/route.ts';

const hop = (channel: string, next: string) => ({ ok: true, via: { kind: 'hop', hop: { channel, next } } });

describe('parseVia', () => {
  const good: [string, unknown][] = [
    ['smtp:[127.0.0.1]:2526', hop('smtp', '[127.0.0.1]:2526')],
    ['smtp:[127.0.0.1]', hop('smtp', '[127.0.0.1]:25')],
    ['smtp:[Mail.Example.Org]:587', hop('smtp', '[mail.example.org]:587')],
    ['smtp:[2001:DB8::1]:25', hop('smtp', '[2001:db8::1]:25')],
    ['smtp:Example.org', hop('smtp', 'route:example.org')],
    ['lmtp:unix:/run/dovecot/lmtp', hop('lmtp', 'unix:/run/dovecot/lmtp')],
    ['lmtp:unix:run/x.sock', hop('lmtp', 'unix:run/x.sock')],
    ['lmtp:[::1]:2424', hop('lmtp', '[::1]:2424')],
    ['lmtp:[localhost]', hop('lmtp', '[localhost]:24')],
    [' maildir ', { ok: true, via: { kind: 'maildir' } }],
    ['mx', { ok: true, via: { kind: 'mx' } }],
  ];
  for (const [text, expected] of good) it(`reads ${text}`, () => assert.deepEqual(parseVia(text), expected));

  const bad = [
    '',
    'smtp',
    'smtp:',
    'smtp:[]:25',
    'smtp:[a]:0',
    'smtp:[a]:65536',
    'smtp:[a]:x',
    'smtp:[a',
    'smtp:a:25',
    'smtp:127.0.0.1',
    'smtp:a b',
    'smtp:[a\r\nRCPT]:25',
    'lmtp:',
    'lmtp:unix:',
    'lmtp:unix:/a\nb',
    'lmtp:a',
    'pipe:/bin/sh',
    'MX',
    'maildir:x',
    'constructor',
    '__proto__:x',
  ];
  for (const text of bad) {
    it(`refuses ${JSON.stringify(text)} and says what it expected`, () => {
      const parsed = parseVia(text);
      assert.ok(!parsed.ok && parsed.expected.includes('smtp:[host]:port'));
    });
  }

  it('reads the answer of a bounce', () => {
    const replyOf = (text: string) => {
      const parsed = parseVia(text);
      return parsed.ok && parsed.via.kind === 'bounce' ? parsed.via.reply : undefined;
    };
    assert.deepEqual(replyOf('bounce:Anna has left us'), { code: 550, status: '5.1.1', text: 'Anna has left us' });
    assert.deepEqual(replyOf('bounce:5.7.1 no robots'), { code: 550, status: '5.7.1', text: 'no robots' });
    assert.deepEqual(replyOf('bounce:554 5.7.1 no robots'), { code: 554, status: '5.7.1', text: 'no robots' });
    assert.equal(replyOf('bounce:')?.text, 'This address takes no mail');
    assert.equal(replyOf('bounce:a\r\nb')?.text, 'a b');
  });

  it('never throws and never lets a control character into a next hop', () => {
    fc.assert(
      fc.property(fc.constantFrom('smtp:', 'lmtp:', 'smtp:[', 'lmtp:unix:', ''), fc.string(), (prefix, rest) => {
        const parsed = parseVia(prefix + rest);
        if (parsed.ok && parsed.via.kind === 'hop') assert.doesNotMatch(parsed.via.hop.next, /\p{Cc}/u);
      }),
    );
  });
});

describe('parseMatch', () => {
  const good: [string, unknown][] = [
    ['*', { kind: 'any' }],
    ['Example.ORG', { kind: 'domain', domain: 'example.org' }],
    ['bücher.example', { kind: 'domain', domain: 'xn--bcher-kva.example' }],
    ['[192.0.2.1]', { kind: 'domain', domain: '[192.0.2.1]' }],
    ['.Example.org', { kind: 'below', domain: 'example.org' }],
    ['Anna@Example.org', { kind: 'address', address: 'anna@example.org' }],
  ];
  for (const [text, match] of good) it(`reads ${text}`, () => assert.deepEqual(parseMatch(text), { ok: true, match }));

  for (const text of ['', '@example.org', 'anna@', '.', '*.example.org', 'a b', 'a..b', '1.2.3.4', 'a@b@c']) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseMatch(text).ok, false));
  }
});
