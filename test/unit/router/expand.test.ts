import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseAliases } from '../../../src/mail/aliases.ts';
import { expandAddress, type AliasRules } from '../../../src/router/expand.ts';

const LOCAL = new Set(['here', 'there']);

function rules(file: string, limits: { depth?: number; fanout?: number } = {}): AliasRules {
  const { table, problems } = parseAliases(file, 'aliases');
  assert.deepEqual(problems, []);
  return { aliases: table, isLocal: (domain) => LOCAL.has(domain), depth: 10, fanout: 10_000, ...limits };
}

/** The leaves, or 'plain', or the status of the failure. */
function expand(address: string, file: string | AliasRules): string {
  const result = expandAddress(address, typeof file === 'string' ? rules(file) : file);
  if (result.kind === 'failed') return result.reply.status;
  return result.kind === 'plain' ? 'plain' : result.into.join(' ');
}

describe('expandAddress', () => {
  it('leaves alone what no alias names', () => {
    assert.equal(expand('anna@here', ''), 'plain');
    assert.equal(expand('anna@here', 'bob: carl'), 'plain');
    assert.equal(expand('bob@elsewhere.example', 'bob: carl'), 'plain');
    assert.equal(expand('constructor@here', 'bob: carl'), 'plain');
  });

  it('completes names by the domain of the recipient', () => {
    assert.equal(expand('bob@here', 'bob: carl, x@y.example'), 'carl@here x@y.example');
    assert.equal(expand('BOB@there', 'bob: carl'), 'carl@there');
  });

  it('prefers the alias of the domain to that of every domain, and the one with a tag to the one without', () => {
    const file = 'bob: all\nbob@here: mine\nbob+list: tagged';
    assert.equal(expand('bob@here', file), 'mine@here');
    assert.equal(expand('bob@there', file), 'all@there');
    assert.equal(expand('bob+list@here', file), 'tagged@here');
    assert.equal(expand('bob+other@there', file), 'all@there');
  });

  it('follows aliases of aliases, each leaf once', () => {
    const file = 'all: team, anna, boss\nteam: anna, Bob, carl@there\nboss: anna';
    assert.equal(expand('all@here', file), 'anna@here bob@here carl@there');
  });

  it('follows an alias of another local domain', () => {
    assert.equal(expand('a@here', 'a: b@there\nb@there: c, d@here'), 'c@there d@here');
  });

  it('does not follow addresses of other hosts that look alike', () => {
    assert.equal(expand('a@here', 'a: a@elsewhere.example'), 'a@elsewhere.example');
  });

  it('gives an alias that names itself a copy, under a name that is not expanded again', () => {
    const file = rules('root: root, admin@x.example');
    assert.equal(expand('root@here', file), 'root+@here admin@x.example');
    assert.equal(expand('root+@here', file), 'plain');
    assert.equal(expand('a@here', 'a: root\nroot: \\root, b'), 'root+@here b@here');
  });

  it('refuses a loop, wherever it is entered', () => {
    const file = 'a: b\nb: c, x\nc: a\nd: a';
    for (const name of ['a', 'b', 'c', 'd']) assert.equal(expand(`${name}@here`, file), '5.4.6');
    assert.equal(expand('a@here', 'a: b@there\nb: a@here'), '5.4.6');
  });

  it('takes two ways to one alias for no loop', () => {
    assert.equal(expand('a@here', 'a: b, c\nb: d\nc: d\nd: e, f'), 'e@here f@here');
  });

  it('refuses what is nested too deeply', () => {
    const chain = Array.from({ length: 12 }, (_, index) => `n${index}: n${index + 1}`).join('\n');
    assert.equal(expand('n2@here', chain), 'n12@here');
    assert.equal(expand('n1@here', chain), '5.4.6');
  });

  it('refuses what expands to too many', () => {
    const file = rules('a: b, c, d', { fanout: 2 });
    assert.equal(expand('a@here', file), '5.2.4');
    assert.equal(expand('a@here', rules('a: b, c', { fanout: 2 })), 'b@here c@here');
  });

  it('ends soon on a bomb of ten levels by ten', () => {
    const lines: string[] = [];
    for (let level = 0; level < 9; level += 1) {
      for (let n = 0; n < 10; n += 1) {
        lines.push(`l${level}n${n}: ${Array.from({ length: 10 }, (_, next) => `l${level + 1}n${next}`).join(', ')}`);
      }
    }
    assert.equal(expand('l0n0@here', lines.join('\n')).split(' ').length, 10);
    assert.equal(expand('l0n0@here', rules(lines.join('\n'), { fanout: 5 })), '5.2.4');
  });

  it('completes quoted names that hold an @', () => {
    assert.equal(expand('a@here', 'a: "x@y"'), '"x@y"@here');
  });
});

describe('expandAddress on any file', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
  const target = fc.oneof(
    name,
    name.map((one) => `${one}@there`),
    name.map((one) => `${one}@far.example`),
  );
  const file = fc.dictionary(name, fc.array(target, { minLength: 1, maxLength: 4 })).map((entries) => {
    return Object.entries(entries)
      .map(([key, targets]) => `${key}: ${targets.join(', ')}`)
      .join('\n');
  });

  it('gives leaves that no alias names, each once, and the same when asked again', () => {
    fc.assert(
      fc.property(file, name, (text, start) => {
        const given = rules(text);
        const result = expandAddress(`${start}@here`, given);
        if (result.kind !== 'into') return;
        assert.equal(new Set(result.into).size, result.into.length);
        for (const leaf of result.into) assert.equal(expandAddress(leaf, given).kind, 'plain', leaf);
        assert.deepEqual(expandAddress(`${start}@here`, given), result);
      }),
    );
  });
});
