import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compilePattern } from '../../../../src/cli/queue/pattern.ts';
import { parseSelector, type SelectorArgs } from '../../../../src/cli/queue/selectors.ts';
import type { QueueId } from '../../../../src/queue/store.ts';
import type { QueuedMessage } from '../../../../src/queue/queued-message.ts';

const NONE: SelectorArgs = { id: [], sender: [], recipient: [], domain: [], age: [], state: [] };
const ID = '1m818cn5asv6rq91000';
const NOW = 1_800_000_000_000;

function message(
  changes: { readonly sender?: string; readonly to?: readonly string[]; readonly age?: number } = {},
): QueuedMessage {
  const to = changes.to ?? ['bob@example.net'];
  return {
    id: ID as QueueId,
    handle: ID as QueuedMessage['handle'],
    envelope: {
      sender: changes.sender ?? 'ann@example.org',
      recipients: to.map((address) => ({ address })),
      received: NOW - (changes.age ?? 0),
      tenant: 'default',
      origin: { via: 'smtp' },
    },
    size: 10,
    where: 'tree',
    recipients: to.map((address) => ({ address, state: 'waiting', attempts: 0 })),
  };
}

function matches(args: Partial<SelectorArgs>, of = message()): boolean {
  const parsed = parseSelector({ ...NONE, ...args });
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.why);
  return parsed.selector.matches(of, NOW);
}

test('values of one option widen, different options narrow', () => {
  assert.ok(matches({ sender: ['x@y.example', 'ann@example.org'] }));
  assert.ok(!matches({ sender: ['ann@example.org'], domain: ['example.com'] }));
  assert.ok(matches({ sender: ['ann@example.org'], domain: ['example.net'] }));
});

test('an empty selector means everything', () => {
  const parsed = parseSelector(NONE);
  assert.ok(parsed.ok);
  assert.equal(parsed.selector.everything, true);
  assert.ok(parsed.selector.matches(message(), NOW));
});

test('domains, with what is below them', () => {
  assert.ok(matches({ domain: ['EXAMPLE.net'] }));
  assert.ok(!matches({ domain: ['xample.net'] }));
  assert.ok(matches({ domain: ['.example.net'] }, message({ to: ['a@mail.example.net'] })));
  assert.ok(matches({ domain: ['.example.net'] }));
  assert.ok(!matches({ domain: ['.example.net'] }, message({ to: ['a@badexample.net'] })));
  assert.ok(matches({ domain: ['*.net'] }));
  const idn = message({ to: ['a@mail.xn--bcher-kva.example'] });
  assert.ok(matches({ domain: ['mail.Bücher.example'] }, idn));
  assert.ok(matches({ domain: ['.bücher.example'] }, idn));
  assert.ok(!matches({ domain: ['bücher.example'] }, idn));
});

test('ages', () => {
  const hour = message({ age: 3_600_000 });
  assert.ok(matches({ age: ['>1h'] }, hour));
  assert.ok(matches({ age: ['1h'] }, hour));
  assert.ok(matches({ age: ['>=60m'] }, hour));
  assert.ok(!matches({ age: ['<1h'] }, hour));
  assert.ok(matches({ age: ['>30m', '<2h'] }, hour));
  for (const wrong of ['', '1', 'h', '>1y', '1h2m', '-1h']) {
    assert.ok(!parseSelector({ ...NONE, age: [wrong] }).ok, wrong);
  }
});

test('ids are checked before anything is looked up', () => {
  assert.ok(matches({ id: [ID.toUpperCase()] }));
  for (const wrong of ['', 'x', '../../etc/passwd', `${ID}0`, `${ID.slice(1)}/`]) {
    assert.ok(!parseSelector({ ...NONE, id: [wrong] }).ok, wrong);
  }
});

test('the null sender', () => {
  assert.ok(matches({ sender: ['<>'] }, message({ sender: '' })));
  assert.ok(!matches({ sender: ['<>'] }));
  assert.ok(matches({ sender: ['*'] }, message({ sender: 'x@y.example' })));
});

test('patterns', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['abc', 'abc', true],
    ['abc', 'abcd', false],
    ['a*c', 'abbc', true],
    ['a*c', 'ac', true],
    ['a*c', 'a', false],
    ['*@example.org', 'x@EXAMPLE.org', true],
    ['*', '', true],
    ['a*b*c', 'a1b2c', true],
    ['a*b*c', 'a1c2b', false],
    ['ab*ba', 'aba', false],
    ['**', 'x', true],
    ['.', 'x', false],
  ];
  for (const [pattern, text, expected] of cases)
    assert.equal(compilePattern(pattern)(text), expected, `${pattern} ${text}`);
});

test('patterns agree with a regular expression, and cost linear time', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
  const subject = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
  fc.assert(
    fc.property(letters, subject, (pattern, text) => {
      const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(text);
      assert.equal(compilePattern(pattern)(text), expected);
    }),
  );
  assert.equal(compilePattern(`${'*a'.repeat(5000)}b`)('a'.repeat(20_000)), false);
});
