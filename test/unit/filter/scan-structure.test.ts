/** The scanner against the attacks that MIME allows, against all ways to cut a message, and over real messages. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { endWithin, multipart, scan } from './structure-samples.ts';

const PLAIN = 'Content-Type: text/plain\r\n\r\nhello\r\n';
const NO_LIMIT = { depth: 1e9, parts: 1e9, headerSize: 1e9, headers: 1e9 };

function kindOf(text: string | Buffer, limits = {}): string | undefined {
  return scan(text, limits).violation?.kind;
}

describe('scan-structure: ordinary messages', () => {
  it('counts parts and levels', () => {
    assert.deepEqual(scan(`Subject: x\r\n\r\nbody\r\n`), { parts: 1, depth: 0 });
    const inner = `${multipart('in', 'alternative')}--in\r\n${PLAIN}--in\r\n${PLAIN}--in--\r\n`;
    assert.deepEqual(scan(`${multipart('out')}preamble\r\n--out\r\n${inner}--out\r\n${PLAIN}--out--\r\n`), {
      parts: 5,
      depth: 2,
    });
  });

  it('reads over blanks before the colon of a field', () => {
    for (const blanks of [' ', '\t', ' '.repeat(30), ' '.repeat(300)]) {
      const part = `Content-Disposition${blanks}: attachment; filename=virus.exe\r\n\r\nx\r\n`;
      assert.equal(kindOf(part), 'name', JSON.stringify(blanks));
    }
  });

  it('takes a message that is empty, has no header, no body, or no end', () => {
    for (const text of [
      '',
      '\r\n',
      '\r\nbody',
      'Subject: x',
      'Subject: x\r\n',
      'Subject: x\r\n\r\n',
      'no header at all\r\n',
    ]) {
      assert.deepEqual(scan(text), { parts: 1, depth: 0 }, JSON.stringify(text));
    }
    assert.deepEqual(scan(`${multipart('b')}--b\r\nContent-Type: text/plain`), { parts: 2, depth: 1 });
  });

  it('reads messages within messages, and a digest', () => {
    const nested = `Content-Type: message/rfc822\r\n\r\n${multipart('b')}--b\r\n${PLAIN}--b--\r\n`;
    assert.deepEqual(scan(nested), { parts: 3, depth: 2 });
    const digest = `${multipart('d', 'digest')}--d\r\n\r\nSubject: one\r\n\r\nx\r\n--d\r\n\r\nSubject: two\r\n\r\nx\r\n--d--\r\n`;
    assert.deepEqual(scan(digest), { parts: 5, depth: 2 });
    const encoded = `Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n${'QUJD\r\n'.repeat(5000)}`;
    assert.deepEqual(scan(encoded), { parts: 1, depth: 0 });
  });

  it('takes boundaries that begin alike, have white space behind them, or serve twice', () => {
    const both = `${multipart('a')}--a\r\n${multipart('ab')}--ab\r\n${PLAIN}--ab--\r\n--a \t\r\n${PLAIN}--a--\r\n`;
    assert.deepEqual(scan(both), { parts: 4, depth: 2 });
    const same = `${multipart('a')}--a\r\n${multipart('a')}--a\r\n${PLAIN}--a--\r\n--a\r\n${PLAIN}--a--\r\n`;
    assert.deepEqual(scan(same), { parts: 4, depth: 2 });
    assert.deepEqual(scan(`${multipart('a--')}--a--\r\n${PLAIN}--a----\r\n`), { parts: 2, depth: 1 });
  });

  it('goes by the boundary of an outer multipart although an inner one never closed', () => {
    const open = `${multipart('a')}--a\r\n${multipart('b')}--b\r\n${multipart('c')}--c\r\n\r\nx\r\n`;
    assert.equal(kindOf(`${open}--a\r\nContent-Disposition: attachment; filename=evil.exe\r\n\r\nMZ\r\n`), 'name');
  });

  it('goes by a boundary in a header that lacks its empty line', () => {
    const text = `${multipart('a')}--a\r\nContent-Type: text/plain\r\n--a\r\nContent-Type: x; name=a.exe\r\n\r\n`;
    assert.equal(kindOf(text), 'name');
  });

  it('takes boundaries that are empty, absent, or named twice', () => {
    assert.deepEqual(scan(`${multipart('')}--\r\n${PLAIN}----\r\n`), { parts: 2, depth: 1 });
    assert.deepEqual(scan('Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\n'), { parts: 1, depth: 0 });
    const twice =
      'Content-Type: multipart/mixed; boundary=a; boundary=b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n';
    for (const name of ['a', 'b', 'c']) {
      assert.equal(kindOf(`${twice}--${name}\r\nContent-Type: x; name=a.exe\r\n\r\n`), 'name', name);
    }
    const split = 'Content-Type: multipart/mixed; boundary*1=b; boundary*0=a\r\n\r\n';
    assert.equal(kindOf(`${split}--ab\r\nContent-Type: x; name=a.exe\r\n\r\n`), 'name');
    const words = 'Content-Type: multipart/mixed; boundary*0="=?utf-8?Q?"; boundary*1="a?="\r\n\r\n';
    for (const name of ['=?utf-8?Q?a?=', 'a']) {
      assert.equal(kindOf(`${words}--${name}\r\nContent-Type: x; name=a.exe\r\n\r\n`), 'name', name);
    }
  });
});

describe('scan-structure: limits', () => {
  it('stops at the depth', () => {
    const nested = (levels: number): string =>
      Array.from({ length: levels }, (_, n) => `${multipart(`b${n}`)}--b${n}\r\n`).join('');
    assert.equal(scan(nested(100)).depth, 100);
    assert.equal(kindOf(nested(100)), undefined);
    assert.equal(kindOf(nested(101)), 'depth');
    assert.equal(kindOf(nested(10_000)), 'depth');
    assert.equal(kindOf('Content-Type: message/rfc822\r\n\r\n'.repeat(1000)), 'depth');
  });

  it('stops at the number of parts', () => {
    assert.equal(kindOf(multipart('b') + '--b\r\n\r\n'.repeat(9999)), undefined);
    assert.equal(kindOf(multipart('b') + '--b\r\n\r\n'.repeat(1_000_000)), 'parts');
  });

  it('stops at the size of a header, of all headers, and at the number of fields', () => {
    assert.equal(kindOf(`X: ${'a'.repeat(1_000_000)}`), 'header-size');
    assert.equal(kindOf(`X: a\r\n${' a\r\n'.repeat(100_000)}`), 'header-size');
    assert.equal(kindOf(`${multipart('b')}--b\r\nX: ${'a'.repeat(300_000)}\r\n\r\n`), 'header-size');
    assert.equal(kindOf(multipart('b') + `--b\r\nX: ${'a'.repeat(250_000)}\r\n\r\n`.repeat(100)), 'header-size');
    assert.equal(kindOf('X: a\r\n'.repeat(1000)), undefined);
    assert.equal(kindOf('X: a\r\n'.repeat(1001)), 'headers');
  });

  it('stops at boundaries that are too long or too many', () => {
    assert.equal(kindOf(multipart('b'.repeat(994)) + `--${'b'.repeat(994)}\r\n\r\n`), undefined);
    assert.equal(kindOf(multipart('b'.repeat(995))), 'boundary');
    const many = Array.from({ length: 33 }, (_, n) => `; boundary=b${n}`).join('');
    assert.equal(kindOf(`Content-Type: multipart/mixed${many}\r\n\r\n`), 'boundary');
  });

  it('is not led astray by names of headers', () => {
    const odd = [
      '__proto__: x',
      'constructor: x',
      'prototype: x',
      ': no name',
      'no colon',
      'From : space',
      'X\0: nul',
      ' fold',
    ];
    assert.deepEqual(scan(`${odd.join('\r\n')}\r\nContent-Type : text/plain\r\n\r\n`), { parts: 1, depth: 0 });
    assert.equal(kindOf('__proto__: x\r\nCONTENT-TYPE\t: x;\r\n\tNAME="a.EXE"\r\n\r\n'), 'name');
  });
});

describe('scan-structure: attacks on time and memory end', () => {
  // Each ends within a second or two. Where one of these cost the square of its length it took minutes, and is ended.
  const MOST_MS = 60_000;
  const attacks: Record<string, () => Buffer> = {
    'a million parts': () => Buffer.from(multipart('b') + '--b\r\n\r\n'.repeat(1_000_000)),
    'ten thousand levels': () =>
      Buffer.from(Array.from({ length: 10_000 }, (_, n) => `${multipart(`b${n}`)}--b${n}\r\n`).join('')),
    'a line of 50 MB': () => Buffer.concat([Buffer.from(multipart('b')), Buffer.alloc(50_000_000, 'A')]),
    'lines that are nearly a boundary': () => Buffer.from(multipart('b') + '--c\r\n'.repeat(300_000)),
    'a boundary line without an end': () => Buffer.from(`${multipart('b')}--b${' '.repeat(5_000_000)}`),
    'a million folded lines': () => Buffer.from(`Content-Type: a\r\n${' \r\n'.repeat(1_000_000)}`),
    'semicolons, quotes and comments': () => Buffer.from(`Content-Type: ${'a;"(\\'.repeat(50_000)}\r\n\r\n`),
    'starts of encoded words': () => Buffer.from(`Content-Type: a; name="${'=?a?b?'.repeat(40_000)}"\r\n\r\n`),
    'starts of encoded words without an end, read in six ways': () =>
      Buffer.from(`Content-Type: multipart/mixed; boundary*0=${'=??B?x'.repeat(400_000)} (c) y; z="\r\n\r\n`),
    'marks that are to be put in order': () =>
      Buffer.from(`Content-Type: a; name="a${'\u0301'.repeat(150_000)}${'\u0323'.repeat(150_000)}"\r\n\r\n`),
    'marks in half width': () =>
      Buffer.from(`Content-Type: a; name="a${`${'\u0301'.repeat(20)}\uff9e`.repeat(15_000)}"\r\n\r\n`),
    'pieces of a name': () => Buffer.from(`Content-Type: a${';name*1000000=a'.repeat(15_000)}\r\n\r\n`),
  };
  for (const [name, make] of Object.entries(attacks)) {
    it(name, () => {
      const attack = make();
      const { parts, depth } = endWithin(MOST_MS, () => scan(attack, NO_LIMIT, 256 * 1024));
      assert.ok(parts >= 1 && depth >= 0);
      endWithin(MOST_MS, () => scan(attack));
    });
  }
});

describe('scan-structure: properties', () => {
  const pieces = fc
    .array(
      fc.constantFrom(
        '\r\n',
        '\n',
        '\r',
        '--',
        '--a',
        '--a--',
        '--ab',
        '\r\n--a\r\n',
        '\r\n--ab--\r\n',
        ' ',
        'x',
        '\0',
        '\xff',
        ':',
        ';',
        '"',
        '=',
        multipart('a'),
        multipart('ab'),
        multipart(''),
        'Content-Type: message/rfc822\r\n\r\n',
        'Content-Type: multipart/digest; boundary=a\r\n',
        'Content-Disposition: attachment; filename=',
        'filename*0*=',
        'name=a.exe',
        "utf-8''%41",
        '=?utf-8?B?YQ==?=',
        '__proto__: x\r\n',
      ),
      { maxLength: 40 },
    )
    .map((list) => list.join(''));

  it('gives the same for every chunk size', () => {
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1, max: 20 }), (text, chunk) => {
        assert.deepEqual(scan(text, {}, chunk), scan(text));
      }),
      { numRuns: 1000 },
    );
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), pieces, (bytes, text) => {
        scan(Buffer.concat([Buffer.from(text, 'latin1'), bytes]));
      }),
      { numRuns: 500 },
    );
  });

  it('finds the parts that were put in, at any depth and with any text around them', () => {
    const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        fc.constant<Tree>('leaf'),
        fc.array(tie('tree'), { minLength: 1, maxLength: 4 }),
      ),
    }));
    fc.assert(
      fc.property(tree, (made) => {
        assert.deepEqual(scan(write(made, { n: 0 })), { parts: countParts(made), depth: depthOf(made) });
      }),
    );
  });
});

type Tree = 'leaf' | Tree[];

function write(tree: Tree, counter: { n: number }): string {
  if (tree === 'leaf') return PLAIN;
  counter.n += 1;
  const boundary = `=_${counter.n}`;
  const parts = tree.map((part) => `\r\n--${boundary}\r\n${write(part, counter)}`).join('');
  return `${multipart(boundary)}--no boundary\r\n${parts}\r\n--${boundary}--\r\nafter\r\n`;
}

function countParts(tree: Tree): number {
  return tree === 'leaf' ? 1 : 1 + tree.reduce((sum, part) => sum + countParts(part), 0);
}

function depthOf(tree: Tree): number {
  return tree === 'leaf' ? 0 : 1 + Math.max(...tree.map(depthOf));
}

describe('scan-structure: real messages', () => {
  const corpus = path.resolve(import.meta.dirname, '../../../../shared/corpus');
  const skip = existsSync(corpus) ? false : 'the folder of real messages is not here';
  it('passes all of them, and finds the same however they are cut', { skip }, () => {
    const files = readdirSync(corpus).filter((name) => name.endsWith('.eml'));
    assert.ok(files.length > 0);
    for (const name of files) {
      const bytes = readFileSync(path.join(corpus, name));
      const found = scan(bytes, { forbiddenNames: [] });
      assert.equal(found.violation, undefined, name);
      assert.deepEqual(scan(bytes, { forbiddenNames: [] }, 777), found, name);
    }
  });
});
