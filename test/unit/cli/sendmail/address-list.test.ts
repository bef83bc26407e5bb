import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { listAddresses } from '../../../../src/cli/sendmail/address-list.ts';

const CASES: readonly (readonly [string, readonly string[]])[] = [
  ['a@example.org', ['a@example.org']],
  ['root', ['root']],
  ['root, daemon', ['root', 'daemon']],
  ['Ann Example <ann@example.org>, bob@example.net', ['ann@example.org', 'bob@example.net']],
  ['"Example, Ann" <ann@example.org>', ['ann@example.org']],
  ['"x < y" <ann@example.org>', ['ann@example.org']],
  ['ann@example.org (Ann, of Example)', ['ann@example.org']],
  ['(a (nested \\) comment)) ann@example.org', ['ann@example.org']],
  ['root (Cron Daemon)', ['root']],
  ['Friends: ann@example.org, Bob <bob@example.net>;', ['ann@example.org', 'bob@example.net']],
  ['undisclosed-recipients:;', []],
  ['', []],
  [' , ,, ', []],
  ['<>', []],
  ['"ann smith"@example.org', ['"ann smith"@example.org']],
  ['"a@evil.example b"@example.org', ['"a@evil.example b"@example.org']],
  ['<"a>b"@example.org>', ['"a>b"@example.org']],
  ['ann . smith @ example . org', ['ann.smith@example.org']],
  ['ann@[IPv6:::1]', ['ann@[IPv6:::1]']],
  ['ann@[192.0.2.1], b@c.example', ['ann@[192.0.2.1]', 'b@c.example']],
  ['two words', ['two words']],
  ['jürgen@exämple.example', ['jürgen@exämple.example']],
];

test('finds the addresses of a header value', () => {
  for (const [value, expected] of CASES) assert.deepEqual(listAddresses(value), expected, value);
});

test('ends on open quotes, comments and brackets', () => {
  for (const value of ['"open', '(open', '<open', '[open', '"esc\\', '(esc\\', 'a@b <"', '<a@b.example']) {
    assert.ok(listAddresses(value).length <= 1, value);
  }
});

test('deep nesting and long lists cost linear time and no stack', () => {
  assert.deepEqual(listAddresses(`${'('.repeat(200_000)}x`), []);
  assert.deepEqual(listAddresses('g:'.repeat(100_000)), []);
  assert.equal(listAddresses('a@example.org,'.repeat(50_000)).length, 50_000);
});

test('what stands in angle brackets comes out, whatever the name before it says', () => {
  const local = fc.stringMatching(/^[a-z0-9.+-]{1,20}$/);
  const name = fc.string({ maxLength: 30 });
  fc.assert(
    fc.property(fc.array(fc.tuple(name, local), { minLength: 1, maxLength: 5 }), (people) => {
      const value = people.map(([who, at]) => `"${who.replace(/["\\]/g, '\\$&')}" <${at}@example.org>`).join(', ');
      assert.deepEqual(
        listAddresses(value),
        people.map(([, at]) => `${at}@example.org`),
      );
    }),
  );
});

test('never throws', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab@<>()"\\,;:[]. \t'.split('')) }), (value) => {
      for (const address of listAddresses(value)) assert.notEqual(address, '');
    }),
  );
});
