import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatAliasProblem, parseAliases } from '../../../src/mail/aliases.ts';

const parse = (text: string) => parseAliases(text, 'aliases');
const tableOf = (text: string) => Object.fromEntries(parse(text).table);
const problemsOf = (text: string) => parse(text).problems.map(formatAliasProblem);

describe('parseAliases', () => {
  it('reads names, lists, comments and continuation lines', () => {
    const text = [
      '# people',
      'root: admin',
      '',
      'Sales: anna, bob@Example.ORG,',
      '  carl ,',
      '\tdora@example.com',
      '   # a comment between',
      'support@example.net: anna',
    ].join('\n');
    assert.deepEqual(tableOf(text), {
      root: ['admin'],
      sales: ['anna', 'bob@example.org', 'carl', 'dora@example.com'],
      'support@example.net': ['anna'],
    });
    assert.deepEqual(problemsOf(text), []);
  });

  it('reads CRLF files and a last line without an end', () => {
    assert.deepEqual(tableOf('a: b\r\nc: d,\r\n e'), { a: ['b'], c: ['d', 'e'] });
  });

  it('takes quotes away where they are not needed, and keeps what needs them', () => {
    assert.deepEqual(tableOf('"joe": "anna", "x y"@example.org, "a:b"'), {
      joe: ['anna', '"x y"@example.org', '"a:b"'],
    });
    assert.deepEqual(tableOf('"odd, name": anna'), { '"odd, name"': ['anna'] });
    assert.deepEqual(tableOf('"joe@home": anna'), { '"joe@home"': ['anna'] });
  });

  it('reads a backslash before a name as the name', () => {
    assert.deepEqual(tableOf('root: \\root, anna'), { root: ['root', 'anna'] });
  });

  it('lists each target once', () => {
    assert.deepEqual(tableOf('a: b, b, B@x.org, B@X.ORG'), { a: ['b', 'B@x.org'] });
  });

  it('refuses commands, files and includes, and says where', () => {
    const text = [
      'a: |/bin/sh',
      'b: "|/bin/sh -c id"',
      'c: /etc/passwd',
      'd: "/etc/passwd"',
      'e: :include:/etc/passwd',
      'f: ok, :INCLUDE:/x',
      'g: fine',
    ].join('\n');
    assert.deepEqual(tableOf(text), { g: ['fine'] });
    assert.deepEqual(problemsOf(text), [
      'aliases:1: a: |/bin/sh is a command: aliases lead to addresses only',
      'aliases:2: b: "|/bin/sh -c id" is a command: aliases lead to addresses only',
      'aliases:3: c: /etc/passwd is a file: aliases lead to addresses only',
      'aliases:4: d: "/etc/passwd" is a file: aliases lead to addresses only',
      'aliases:5: e: :include:/etc/passwd is an include: list the addresses here',
      'aliases:6: f: :INCLUDE:/x is an include: list the addresses here',
    ]);
  });

  it('leaves out a malformed line and keeps those around it', () => {
    const text = ['a: x', 'no colon here', ': y', 'b:', 'c: , ,', 'd: a@@b', 'e: "open', 'f: z', 'g@: z'].join('\n');
    assert.deepEqual(tableOf(text), { a: ['x'], f: ['z'] });
    const lines = parse(text).problems.map((problem) => problem.line);
    assert.deepEqual(lines, [2, 3, 4, 5, 6, 7, 9]);
  });

  it('reports a name that is defined twice and keeps the first', () => {
    const text = 'a: x\nA: y\n';
    assert.deepEqual(tableOf(text), { a: ['x'] });
    assert.deepEqual(problemsOf(text), ['aliases:2: a: defined a second time; the first definition stays']);
  });

  it('counts the line of an entry from its first line', () => {
    const text = 'a: x,\n  y\n\n# c\nb: |z\n';
    assert.deepEqual(problemsOf(text), ['aliases:5: b: |z is a command: aliases lead to addresses only']);
  });

  it('has no trouble with names of the language', () => {
    const { table } = parse('constructor: a\n__proto__: b\ntoString: c\n');
    assert.deepEqual([...table.keys()], ['constructor', '__proto__', 'tostring']);
    assert.equal(table.get('hasownproperty'), undefined);
  });

  it('shows no control characters in problems', () => {
    const [problem] = problemsOf('a: b\u001b[31m@\u0007');
    assert.ok(problem !== undefined && !/\p{Cc}/u.test(problem), problem);
  });

  it('never throws, and every problem names a line of the file', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom(...'ab:,"\\@ \t|/#\n.\u0000é'.split('')) })), (lines) => {
        const text = lines.join('\n');
        const count = text.split('\n').length;
        const { table, problems } = parse(text);
        for (const { line } of problems) assert.ok(line >= 1 && line <= count);
        for (const targets of table.values()) assert.ok(targets.length > 0);
      }),
    );
  });

  it('finds again what was written', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
    const target = fc.oneof(
      name,
      fc.tuple(name, name).map(([local, domain]) => `${local}@${domain}.example`),
    );
    const file = fc.uniqueArray(fc.tuple(name, fc.uniqueArray(target, { minLength: 1 })), { selector: ([key]) => key });
    fc.assert(
      fc.property(file, (entries) => {
        const text = entries.map(([key, targets]) => `${key}: ${targets.join(',\n ')}`).join('\n');
        const parsed = parse(text);
        assert.deepEqual(parsed.problems, []);
        assert.deepEqual([...parsed.table], entries);
      }),
    );
  });
});
