import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDomain } from '../../../src/mail/domain.ts';

function parsed(text: string): string {
  const result = parseDomain(text);
  return result.ok ? result.domain : `! ${result.why}`;
}

test('one spelling for each domain', () => {
  assert.equal(parsed('Example.ORG.'), 'example.org');
  assert.equal(parsed('localhost'), 'localhost');
  assert.equal(parsed('_spf.a-b.org'), '_spf.a-b.org');
  assert.equal(parsed('BÜCHER.example'), 'xn--bcher-kva.example');
  assert.equal(parsed('例え。jp'), '! the domain has a character that no domain may have');
  assert.equal(parsed('例え.jp'), 'xn--r8jz45g.jp');
});

test('each refusal says why', () => {
  assert.equal(parsed(''), '! the domain is empty');
  assert.equal(parsed('a..b'), '! the domain has an empty label');
  assert.equal(parsed('a b'), '! the domain has a character that no domain may have');
  assert.equal(parsed('xn--zzzzzz.org'), '! the domain has a label beginning xn-- that is not valid');
  assert.equal(parsed('10.0.0.1'), '! the domain ends in a number; write an IP address in square brackets');
  assert.equal(parsed('[10.0.0.256]'), '! in square brackets only 192.0.2.1 or IPv6:2001:db8::1 may stand');
  assert.equal(parsed('[10.0.0.1'), '! the address in square brackets is not closed or not an address');
});

test('numbers within a name are fine, as its end they are not', () => {
  assert.equal(parsed('1.2.3.example'), '1.2.3.example');
  assert.equal(parsed('0x7f.example'), '0x7f.example');
  assert.equal(parsed('3com'), '3com');
  for (const text of ['example.1', 'example.0x', 'example.0xff', '0']) assert.match(parsed(text), /^! .*number/, text);
});

test('a storm of labels is refused at once', () => {
  assert.match(parsed('a.'.repeat(5000)), /longer than 255/);
  assert.match(parsed('é.'.repeat(120)), /^(xn--|! )/);
});

test('property: what was made of a text stays as it is', () => {
  const label = fc.string({ unit: fc.constantFrom(...'aB9-_é例ßx'.split('')), minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 5 }), (labels) => {
      const result = parseDomain(labels.join('.'));
      if (!result.ok) return;
      assert.match(result.domain, /^[a-z0-9_.-]+$/);
      assert.deepEqual(parseDomain(result.domain), result);
      assert.deepEqual(parseDomain(`${result.domain.toUpperCase()}.`), result);
    }),
    { numRuns: 1000 },
  );
});

test('property: address literals of every IPv6 address are canonical', () => {
  fc.assert(
    fc.property(fc.ipV6(), (ip) => {
      const result = parseDomain(`[IPv6:${ip}]`);
      assert.ok(result.ok, ip);
      assert.deepEqual(parseDomain(result.domain), result);
    }),
  );
});
