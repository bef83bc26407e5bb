import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  domainOf,
  identityOf,
  isAsciiAddress,
  isNullSender,
  localOf,
  parseAddress,
} from '../../../src/mail/address.ts';

/** What the parser makes of the text: the canonical address, or why not. */
function parsed(text: string, options = {}): string {
  const result = parseAddress(text, options);
  return result.ok ? result.address : `! ${result.why}`;
}

test('ordinary addresses become canonical: domain in lower case, local part as it is', () => {
  assert.equal(parsed('User.Name+tag@Example.ORG'), 'User.Name+tag@example.org');
  assert.equal(parsed('user@localhost'), 'user@localhost');
  assert.equal(parsed('user@example.org.'), 'user@example.org');
  assert.equal(parsed('user@local.'), 'user@local');
  assert.equal(parsed("o'brien=x!y#z@a-b.c_d.org"), "o'brien=x!y#z@a-b.c_d.org");
});

test('domainOf, localOf and the fields agree', () => {
  const result = parseAddress('"a@b"@example.org');
  assert.ok(result.ok);
  assert.deepEqual([result.local, result.domain], ['"a@b"', 'example.org']);
  assert.deepEqual([localOf(result.address), domainOf(result.address)], ['"a@b"', 'example.org']);
  assert.deepEqual([localOf(''), domainOf('')], ['', '']);
});

test('the null sender is told from an address', () => {
  assert.ok(isNullSender('') && isNullSender('<>'));
  assert.ok(!isNullSender('a@b'));
  assert.match(parsed(''), /empty/);
});

test('a default domain completes <postmaster> and local names only', () => {
  assert.equal(parsed('postmaster', { defaultDomain: 'mx.example.org' }), 'postmaster@mx.example.org');
  assert.equal(parsed('"john doe"', { defaultDomain: 'here' }), '"john doe"@here');
  assert.equal(parsed('a@b', { defaultDomain: 'here' }), 'a@b');
  assert.equal(parsed('postmaster'), '! the address has no domain');
});

test('ways to route through an address are characters of a local part, or refused', () => {
  assert.equal(parsed('user%other.org@local'), 'user%other.org@local');
  assert.equal(parsed('a!b!user@local'), 'a!b!user@local');
  assert.equal(parsed('@a,@b:user@c'), '! source routes are not accepted');
  assert.equal(parsed('user@local@other'), '! the address has more than one @');
  assert.equal(parsed('"user@other.org"@local'), '"user@other.org"@local');
  assert.equal(parsed('"x@evil y"@internal'), '"x@evil y"@internal');
});

test('what looks like a command or a path stays text or is refused', () => {
  for (const fine of [
    '|/bin/sh',
    '${{7*7}}',
    '-oQ/tmp',
    'constructor',
    '__proto__',
    'toString',
    'CON',
    '"/etc/passwd"',
  ]) {
    const result = parseAddress(`${fine}@local`);
    assert.ok(result.ok, fine);
    assert.equal(result.local, fine === '"/etc/passwd"' ? '/etc/passwd' : fine);
  }
  for (const bad of [
    ':include:/etc/passwd',
    '../../../../tmp/x',
    'user/../root',
    'user+../../x',
    ';id;',
    ';touch /tmp/x;',
  ]) {
    assert.match(parsed(`${bad}@local`), /must be quoted/, bad);
  }
  assert.equal(parsed('user@__proto__'), 'user@__proto__');
});

test('quoted local parts lose what they do not need, and no two spellings differ', () => {
  assert.equal(parsed('"user"@x'), 'user@x');
  assert.equal(parsed('"us\\er"@x'), 'user@x');
  assert.equal(parsed('"a\\ b"@x'), '"a b"@x');
  assert.equal(parsed('"a\\"b\\\\"@x'), '"a\\"b\\\\"@x');
  assert.equal(parsed('"a..b"@x'), '"a..b"@x');
  assert.equal(parsed('""@x'), '""@x');
});

test('broken quoting is refused', () => {
  for (const bad of ['"a@x', '"a\\"@x', '"a"b@x', 'a"b"@x', '"a""b"@x', '"@x']) assert.match(parsed(bad), /^!/, bad);
});

test('control, invisible and half characters are refused wherever they stand', () => {
  const bad = [
    '\0',
    '\r',
    '\n',
    '\x1b',
    '\x7f',
    '\x85',
    '\u200b',
    '\u2060',
    '\ufeff',
    '\u202e',
    '\u2028',
    '\ud800',
    '\ufffd',
    '\ue000',
  ];
  for (const char of bad) {
    for (const text of [
      `us${char}er@x`,
      `"us${char}er"@x`,
      `user@ex${char}ample.org`,
      `user@x${char}`,
      `${char}user@x`,
    ]) {
      assert.match(parsed(text, { smtputf8: true }), /control or invisible/, JSON.stringify(text));
    }
  }
  assert.match(parsed('"a\r\nRCPT TO:<b>"@local'), /control or invisible/);
});

test('dots and characters of RFC 5321', () => {
  for (const bad of ['.a@x', 'a.@x', 'a..b@x', 'a b@x', 'a,b@x', '<a@x>', 'a(b)@x', 'a\\b@x', 'a;b@x', 'a[b]@x']) {
    assert.match(parsed(bad), /^!/, bad);
  }
});

test('domains that are none', () => {
  const bad = [
    '',
    '.',
    '..',
    'a..b',
    '.a',
    '-a.b',
    'a-.b',
    'a b',
    'a/b',
    'a%41.com',
    'a:25',
    'a*b',
    'a,b',
    'xn---',
    'xn--a.com',
    'ex[a',
  ];
  for (const domain of bad) assert.match(parsed(`user@${domain}`), /^! the domain/, domain);
});

test('numbers are not taken for addresses', () => {
  for (const domain of ['127.1', '127.0.0.1', '0x7f000001', '2130706433', '1.2.3.4.', 'a.0x1', '１２７.1']) {
    assert.match(parsed(`user@${domain}`), /ends in a number/, domain);
  }
});

test('address literals are checked and canonical', () => {
  assert.equal(parsed('user@[127.0.0.1]'), 'user@[127.0.0.1]');
  assert.equal(parsed('user@[IPv6:::1]'), 'user@[IPv6:::1]');
  assert.equal(parsed('user@[ipv6:2001:DB8:0::1]'), 'user@[IPv6:2001:db8::1]');
  const bad = [
    '[::1]',
    '[::ffff:7f00:1]',
    '[127.1]',
    '[1.2.3.4',
    '[1.2.3.4]x',
    '[]',
    '[IPv6:fe80::1%eth0]',
    '[IPv6:1.2.3.4]',
    '[a.b]',
    '[1.2.3.4]]',
  ];
  for (const literal of bad) assert.match(parsed(`user@${literal}`), /square brackets/, literal);
});

test('internationalised domains become A-labels, in every spelling', () => {
  for (const domain of ['münchen.de', 'MÜNCHEN.de', 'mu\u0308nchen.de', 'xn--mnchen-3ya.de', 'XN--MNCHEN-3YA.DE.']) {
    assert.equal(parsed(`user@${domain}`), 'user@xn--mnchen-3ya.de');
  }
  assert.equal(parsed('user@аdmin.ru'), 'user@xn--dmin-43d.ru');
});

test('a local part that is not ASCII needs SMTPUTF8, and has one spelling', () => {
  assert.match(parsed('andré@example.org'), /SMTPUTF8/);
  assert.equal(parsed('andré@example.org', { smtputf8: true }), 'andré@example.org');
  assert.equal(parsed('andre\u0301@example.org', { smtputf8: true }), 'andré@example.org');
  assert.match(parsed('henryⅣ@example.org', { smtputf8: true }), /compatibility/);
  assert.ok(!isAsciiAddress('andré@example.org') && isAsciiAddress('andre@example.org'));
});

test('lengths of RFC 5321 section 4.5.3.1, in octets', () => {
  assert.match(parsed(`${'a'.repeat(64)}@x`), /^a/);
  assert.match(parsed(`${'a'.repeat(65)}@x`), /longer than 64/);
  assert.match(parsed(`${'é'.repeat(33)}@x`, { smtputf8: true }), /longer than 64/);
  assert.match(parsed(`a@${'b'.repeat(63)}.c`), /^a/);
  assert.match(parsed(`a@${'b'.repeat(64)}.c`), /more than 63/);
  const domain = `${'b'.repeat(62)}.`.repeat(4);
  assert.match(parsed(`ab@${domain}`), /^ab@/);
  assert.match(parsed(`abc@${domain}`), /longer than 254/);
  assert.match(parsed(`a@${'c.'.repeat(140)}c`), /longer than 255/);
  assert.match(parsed(`a@${'x'.repeat(1_000_000)}`), /longer than 254/);
});

test('property: parsing never throws, and what it made parses to itself', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.string({ unit: 'binary', maxLength: 80 }),
      (left, right) => {
        const result = parseAddress(`${left}@${right}`, { smtputf8: true });
        if (!result.ok) return;
        assert.deepEqual(parseAddress(result.address, { smtputf8: true }), result);
        assert.equal(`${localOf(result.address)}@${domainOf(result.address)}`, result.address);
      },
    ),
    { numRuns: 2000 },
  );
});

test('property: what is accepted has no character that could break a line, a reply or a header', () => {
  const alphabet = fc.constantFrom(...'aZ0.@"\\ <>()[]:;,|%!-_\r\n\0é\u200bxn-'.split(''));
  fc.assert(
    fc.property(fc.string({ unit: alphabet, maxLength: 24 }), (text) => {
      const result = parseAddress(text, { smtputf8: true });
      if (!result.ok) return;
      assert.doesNotMatch(result.address, /[\r\n\0\u200b]/);
      assert.doesNotMatch(result.domain, /[@"\\ <>();,|%!]/);
      assert.deepEqual(parseAddress(result.address, { smtputf8: true }), result);
    }),
    { numRuns: 5000 },
  );
});

test('the local part of a local domain does not care for case, that of another does', () => {
  const isLocal = (domain: string): boolean => domain === 'here';
  assert.equal(identityOf('Anna@here', isLocal), 'anna@here');
  assert.equal(identityOf('Anna@far.example', isLocal), 'Anna@far.example');
});
