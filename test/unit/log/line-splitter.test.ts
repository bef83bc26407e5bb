/** Lines come out the same however their bytes were split. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LineSplitter } from '../../../src/log/line-splitter.ts';

function split(chunks: readonly Buffer[], cap = 10): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter(cap, (line, whole) => lines.push(whole ? line.toString() : `${line.toString()}…`));
  for (const chunk of chunks) splitter.push(chunk);
  return lines;
}

describe('LineSplitter', () => {
  it('gives whole lines, without empty ones and without an unfinished last one', () => {
    assert.deepEqual(split([Buffer.from('a\n\nbc\nd')]), ['a', 'bc']);
  });

  it('cuts a long line once and skips the rest of it', () => {
    assert.deepEqual(split([Buffer.from('0123456789\n0123456789a'), Buffer.from('bc'), Buffer.from('\nx\n')]), [
      '0123456789',
      '0123456789…',
      'x',
    ]);
  });

  it('gives the same for every way to split the bytes', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 60 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(60)), (whole, cuts) => {
        const bytes = Buffer.from(whole);
        const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].toSorted((a, b) => a - b);
        const chunks = places.slice(1).map((to, at) => bytes.subarray(places[at], to));
        assert.deepEqual(split(chunks), split([bytes]));
      }),
    );
  });

  it('takes a line byte by byte', () => {
    const bytes = [...Buffer.from(`${'x'.repeat(5000)}\n`)].map((byte) => Buffer.from([byte]));
    assert.deepEqual(split(bytes, 6000), ['x'.repeat(5000)]);
  });
});
