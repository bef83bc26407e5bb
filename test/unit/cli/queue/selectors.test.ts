import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compilePattern } from '../../../../src/cli/queue/pattern.ts';
import { parseSelector, type SeenMessage, type SelectorArgs } from '../../../../src/cli/queue/selectors.ts';
import type { RecipientState } from '../../../../src/queue/fold.ts';
import type { QueueId } from '../../../../src/queue/store.ts';
import type { QueuedMessage } from '../../../../src/queue/queued-message.ts';

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
  const parsed = parseSelector(args);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.why);
  return parsed.selector.matches(of, NOW);
}

/** A message with these recipients. */
function messageTo(...recipients: readonly Partial<RecipientState>[]): QueuedMessage {
  const states = recipients.map((one, n) => ({
    address: `r${n}@example.net`,
    state: 'waiting' as const,
    attempts: 0,
    ...one,
  }));
  return { ...message(), recipients: states };
}

test('values of one option widen, different options narrow', () => {
  assert.ok(matches({ sender: ['x@y.example', 'ann@example.org'] }));
  assert.ok(!matches({ sender: ['ann@example.org'], domain: ['example.com'] }));
  assert.ok(matches({ sender: ['ann@example.org'], domain: ['example.net'] }));
});

test('an empty selector means everything', () => {
  const parsed = parseSelector({});
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
    assert.ok(!parseSelector({ age: [wrong] }).ok, wrong);
  }
});

test('ids are checked before anything is looked up', () => {
  assert.ok(matches({ id: [ID.toUpperCase()] }));
  for (const wrong of ['', 'x', '../../etc/passwd', `${ID}0`, `${ID.slice(1)}/`]) {
    assert.ok(!parseSelector({ id: [wrong] }).ok, wrong);
  }
});

test('the null sender', () => {
  assert.ok(matches({ sender: ['<>'] }, message({ sender: '' })));
  assert.ok(!matches({ sender: ['<>'] }));
  assert.ok(matches({ sender: ['*'] }, message({ sender: 'x@y.example' })));
});

test('an empty value is no selector', () => {
  for (const name of ['sender', 'recipient', 'domain', 'hop', 'tenant', 'reply'] as const) {
    for (const value of ['', ' ']) {
      assert.ok(!parseSelector({ [name]: [value] }).ok, name);
      const parsed = parseSelector({ not: [`${name}=${value}`] });
      assert.match(parsed.ok ? '' : parsed.why, new RegExp(`^--not ${name}= needs a value`));
    }
  }
  const parsed = parseSelector({ sender: [''] });
  assert.equal(parsed.ok ? '' : parsed.why, "--sender needs a value; the null sender is '<>'");
});

test('what is left out does not say what is meant', () => {
  const everything = (args: SelectorArgs): boolean => {
    const parsed = parseSelector(args);
    assert.ok(parsed.ok);
    return parsed.selector.everything;
  };
  assert.ok(everything({ not: ['domain=example.org'] }));
  assert.ok(!everything({ not: ['domain=example.org'], sender: ['*'] }));
});

test('what nobody knows is left out by --not where something is to be changed', () => {
  const careful = (of: SeenMessage, ...not: readonly string[]): boolean => {
    const parsed = parseSelector({ not });
    assert.ok(parsed.ok);
    assert.ok(parsed.selector.matches(of, NOW), 'it may be looked at');
    return parsed.selector.matches(of, NOW, true);
  };
  const hop = { channel: 'smtp', next: 'mx:a.example' } as const;
  const never = messageTo({});
  const unseen = { ...never, unseen: new Set(never.recipients.map(({ address }) => address)) };
  assert.ok(!careful(never, 'hop=mx:b.example') && careful(messageTo({ hop }), 'hop=mx:b.example'));
  assert.ok(!careful(messageTo({ hop }, {}), 'hop=mx:b.example'), 'one recipient is enough');
  assert.ok(careful(messageTo({ state: 'failed' }), 'hop=mx:b.example'), 'a report is owed');
  assert.ok(careful(never, 'reply=5*'), 'never tried, for all that the farm knows');
  assert.ok(!careful(unseen, 'reply=5*'));
  assert.ok(careful({ ...messageTo({ reply: TIMED_OUT }), unseen: unseen.unseen }, 'reply=5*'));
  assert.ok(careful(unseen, 'domain=b.example'), 'the files know all else');
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

const TIMED_OUT = { code: 451, status: '4.4.1', text: 'Connection timed out', remote: 'mx.example.net [192.0.2.1]:25' };

test('the last reply, by its code, status, text, or as it is listed', () => {
  const of = messageTo({ state: 'deferred', reply: TIMED_OUT });
  for (const fits of ['451', '4*', '4.4.*', '*TIMED out', '451 4.4.1 connection*', 'mx.example.net *: 451 *']) {
    assert.ok(matches({ reply: [fits] }, of), fits);
  }
  for (const fits of ['45', 'timed', '5*']) assert.ok(!matches({ reply: [fits] }, of), fits);
  assert.ok(!matches({ reply: ['*'] }), 'one that was never tried has no reply');
});

test('the next hop, as bins are named', () => {
  const by = (channel: 'smtp' | 'maildir', next: string): QueuedMessage =>
    messageTo({ state: 'deferred', hop: { channel, next } });
  assert.ok(matches({ hop: ['mx:example.net'] }, by('smtp', 'mx:example.net')));
  assert.ok(matches({ hop: ['smtp mx:*'] }, by('smtp', 'mx:example.net')));
  assert.ok(matches({ hop: ['[192.0.2.1]:25'] }, by('smtp', '[192.0.2.1]:25')));
  assert.ok(!matches({ hop: ['mx:example.org'] }, by('smtp', 'mx:example.net')));
  assert.ok(matches({ hop: ['maildir'] }, by('maildir', 'example.net/bob')), 'mailboxes share a bin');
  assert.ok(matches({ hop: ['bounce'] }, messageTo({ state: 'failed' })), 'a report is owed');
  assert.ok(!matches({ hop: ['*'] }), 'one that was never routed has none');
});

test('tenants and sizes', () => {
  const of = { ...message(), size: 1536 };
  assert.ok(matches({ tenant: ['def*'] }, of) && !matches({ tenant: ['anna'] }, of));
  for (const fits of ['>1K', '1.5KiB', '<2K', '>=1536', '1536b', '<1MB', '1kB'])
    assert.ok(matches({ size: [fits] }, of), fits);
  for (const other of ['>1M', '<1536', '2K']) assert.ok(!matches({ size: [other] }, of), other);
  assert.ok(matches({ size: ['>1K', '<2K'] }, of) && !matches({ size: ['>1K', '<1.2K'] }, of), 'within all bounds');
  for (const wrong of ['', 'K', '1T', '1 2', '>', '1e3', '1constructor']) {
    assert.ok(!parseSelector({ size: [wrong] }).ok, wrong);
  }
});

test('options that speak of a recipient speak of one and the same', () => {
  const of = messageTo({ address: 'a@one.example', state: 'held' }, { address: 'b@two.example', state: 'deferred' });
  assert.ok(matches({ domain: ['one.example'], state: ['held'] }, of));
  assert.ok(!matches({ domain: ['one.example'], state: ['deferred'] }, of));
  const parsed = parseSelector({ state: ['held'] });
  assert.ok(parsed.ok);
  assert.deepEqual(of.recipients.map(parsed.selector.means), [true, false]);
});

test('--not takes out every message with a recipient that fits', () => {
  const of = messageTo({ address: 'a@one.example' }, { address: 'b@two.example', state: 'deferred', reply: TIMED_OUT });
  assert.ok(!matches({ not: ['domain=two.example'] }, of));
  assert.ok(!matches({ not: ['domain=three.example', 'state=deferred'] }, of));
  assert.ok(matches({ not: ['domain=three.example', 'state=held'] }, of));
  assert.ok(!matches({ domain: ['one.example'], not: ['reply=451'] }, of), 'what is not meant is not touched');
  assert.ok(!matches({ not: ['sender=*@example.org'] }, of) && matches({ not: ['sender=<>'] }, of));
  assert.ok(matches({ not: ['age=>1h'] }, of) && !matches({ not: ['size=<1K'] }, of));
  assert.ok(matches({ not: ['recipient=x=y@example.org'] }, of), 'the value may hold any character');
  for (const wrong of ['', 'domain', '=x', 'colour=red', 'age=old', 'state=deleted', 'state=lost', 'id=x']) {
    assert.ok(!parseSelector({ not: [wrong] }).ok, wrong);
  }
});

test('only what the farm alone may know is left for it', () => {
  const waiting = messageTo({ address: 'a@one.example' });
  for (const args of [{ hop: ['mx:one.example'] }, { reply: ['451'] }, { not: ['reply=451'] }]) {
    const parsed = parseSelector({ domain: ['one.example'], ...args });
    assert.ok(parsed.ok && parsed.selector.asksFarm);
    assert.ok(parsed.selector.mayMatch(waiting, NOW));
    assert.ok(!parsed.selector.mayMatch(messageTo({ address: 'a@two.example' }), NOW));
  }
});

test('an operation is of the deleted queue', () => {
  const parsed = parseSelector({ operation: 'LAST' });
  assert.ok(parsed.ok && parsed.selector.deleted && !parsed.selector.everything);
  assert.equal(parsed.selector.operation, 'last');
  assert.ok(parseSelector({ operation: ID }).ok);
  for (const wrong of ['', 'first', '../x', `${ID}0`]) assert.ok(!parseSelector({ operation: wrong }).ok, wrong);
});
