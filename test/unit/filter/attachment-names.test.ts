/** Names in all the spellings that mail programs read, and patterns over them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { attachmentNames } from '../../../src/filter/attachment-names.ts';
import { decodeWords } from '../../../src/filter/encoded-words.ts';
import { matchesGlob } from '../../../src/filter/glob.ts';
import { parseParams } from '../../../src/filter/mime-params.ts';
import { scan } from './structure-samples.ts';

/** One character per byte, as the scanner gives it. */
const bytes = (text: string): string => Buffer.from(text).toString('latin1');
const names = (text: string): string[] => attachmentNames(parseParams(bytes(text)).params);

describe('attachment names', () => {
  const spellings: Record<string, string> = {
    plain: 'attachment; filename=evil.exe',
    quoted: 'attachment; filename="evil.exe"',
    'in upper case': 'ATTACHMENT; FILENAME="EVIL.EXE"',
    'with escapes': 'attachment; filename="evil\\.ex\\e"',
    'with a path': 'attachment; filename="C:\\\\tmp\\\\evil.exe"',
    'with trailing dots and spaces': 'attachment; filename="evil.exe. . "',
    'with a comment': 'attachment; filename=evil.exe(not really)',
    'with spaces, unquoted': 'attachment; filename=evil.exe is not what it seems',
    'twice, the other one harmless': 'attachment; filename=evil.exe; filename=good.txt',
    'after a harmless one': 'attachment; filename=good.txt; filename=evil.exe',
    'as name': 'application/octet-stream; name=evil.exe',
    'percent-encoded': "attachment; filename*=utf-8''%65vil.exe",
    'in pieces': 'attachment; filename*0="ev"; filename*1="il.e"; filename*2=xe',
    'in pieces out of order': "attachment; filename*2=xe; filename*0*=utf-8''%65v; filename*1=il.e",
    'in pieces with a gap': 'attachment; filename*1=il.exe; filename*0=ev; filename*1000000=',
    'as encoded word': 'attachment; filename="=?utf-8?B?ZXZpbC5leGU=?="',
    'as encoded words': 'attachment; filename="=?utf-8?Q?evil=2E?= =?iso-8859-1?Q?exe?="',
    'with a quote never closed': 'attachment; filename="evil.exe',
    'behind a quote never closed': 'attachment; x="; filename=evil.exe',
    'with an end below thirty marks, and more': `attachment; filename="a${'\u0301'.repeat(100)}/evil.exe"`,
    'with invisible characters': 'attachment; filename="evil.e\u200bx\u00ade"',
    'in wide characters': 'attachment; filename="evil．ｅｘｅ"',
  };
  for (const [what, text] of Object.entries(spellings)) {
    it(`are found ${what}`, () => assert.ok(names(text).includes('evil.exe'), JSON.stringify(names(text))));
  }

  it('decode charsets, known or not', () => {
    assert.deepEqual(names("attachment; filename*=iso-8859-1''%E4.txt"), ['ä.txt']);
    assert.deepEqual(names("attachment; filename*=no-such-charset''a.txt"), ['a.txt']);
    assert.ok(names('attachment; filename="ä.txt"').includes('ä.txt'));
  });

  it('decode many words of one charset with one decoder, known or not', (t) => {
    const made: string[] = [];
    const counted = new Proxy(TextDecoder, {
      construct: (target, [label]: [string]) => (made.push(label), new target(label)),
    });
    t.mock.property(globalThis, 'TextDecoder', counted);
    for (const label of ['koi8-u', 'KOI8-U', 'neither', 'nor-this']) {
      decodeWords(`=?${label}?Q?a?=`.repeat(1000));
    }
    assert.deepEqual(made, ['koi8-u', 'neither', 'nor-this']);
  });

  it('decode a charset also after very many that nobody knows, and after text that ends in the middle', () => {
    decodeWords(Array.from({ length: 100_000 }, (_, n) => `=?x${n}?Q?a?=`).join(''));
    for (const label of ['utf-16le', 'shift_jis', 'iso-2022-jp', 'utf-8', 'no-such-charset']) {
      const whole = decodeWords(`=?${label}?Q?ab?=`);
      decodeWords(`=?${label}?Q?=E3?= =?${label}?Q?=1B=24=42=81?=`);
      assert.equal(decodeWords(`=?${label}?Q?ab?=`), whole, label);
    }
    assert.equal(decodeWords('=?utf-16le?Q?a=00b=00?='), 'ab');
  });

  it('are none where there are none', () => {
    for (const text of [
      '',
      ';',
      ';;=;',
      'attachment',
      'attachment; filename',
      'attachment; filename=',
      'a; x=evil.exe',
    ]) {
      assert.deepEqual(names(text), [], text);
    }
  });

  it('never throw', () => {
    const part = fc.constantFrom(
      ';',
      '=',
      '"',
      '\\',
      '(',
      ')',
      ' ',
      'filename',
      'name',
      '*',
      '0',
      '%4',
      "''",
      '=?',
      '?=',
      '?B?',
      '\0',
      'ÿ',
    );
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 30 }),
        (parts) => void attachmentNames(parseParams(parts.join('')).params),
      ),
    );
  });
});

describe('forbidden names in a message', () => {
  const withName = (header: string): string => `${header}\r\n\r\nx`;
  it('are those of all headers that carry names', () => {
    for (const header of [
      'Content-Disposition: attachment; filename=a.exe',
      'Content-Type: text/plain; name=a.exe',
      'Content-Type: text/plain\r\nContent-Type: text/plain; name=a.exe',
      'Content-Disposition: inline; filename=a.txt\r\nContent-Type: text/plain; name=a.exe',
      'Content-Disposition: attachment;\r\n filename="a.\r\n exe"; filename*0=a.s;\r\n filename*1=cr',
      'Content-Disposition: attachment; filename=INVOICE1.JS',
    ]) {
      assert.equal(scan(withName(header)).violation?.kind, 'name', header);
    }
    assert.equal(scan(withName('Content-Disposition: attachment; filename=invoice.js')).violation, undefined);
    assert.equal(scan(withName('Subject: a.exe')).violation, undefined);
  });
});

describe('decodeWords', () => {
  it('joins words and keeps other text', () => {
    assert.equal(decodeWords('a =?utf-8?q?b_c?= d'), 'a b c d');
    assert.equal(decodeWords('=?utf-8?q?a?=\t=?utf-8*en?Q?b?= =?x'), 'ab =?x');
    assert.equal(decodeWords('=?utf-8?x?a?='), '=?utf-8?x?a?=');
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void decodeWords(`=?utf-8?q?${text}?==?b?B?${text}`)));
  });
});

describe('matchesGlob', () => {
  it('takes * and ? and nothing else as special', () => {
    for (const [name, pattern] of [
      ['a.exe', '*.exe'],
      ['a.exe', '?.exe'],
      ['', '*'],
      ['abc', 'a**c'],
      ['a[1]', 'a[1]'],
      ['aXbXc', '*X*c'],
    ] as const) {
      assert.ok(matchesGlob(name, pattern), `${name} ${pattern}`);
    }
    for (const [name, pattern] of [
      ['a.exe.txt', '*.exe'],
      ['.exe', '?.exe'],
      ['abc', 'ab'],
      ['a.exe', ''],
      ['axexe', '*.exe'],
    ] as const) {
      assert.ok(!matchesGlob(name, pattern), `${name} ${pattern}`);
    }
  });

  it('agrees with a regular expression', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), maxLength: 6 });
    fc.assert(
      fc.property(text, pattern, (name, glob) => {
        const source = glob.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.');
        assert.equal(matchesGlob(name, glob), new RegExp(`^${source}$`).test(name));
      }),
      { numRuns: 2000 },
    );
  });

  it('ends on the pattern that makes regular expressions slow', () => {
    assert.ok(!matchesGlob('a'.repeat(100_000), `${'*a'.repeat(50)}b`));
  });
});
