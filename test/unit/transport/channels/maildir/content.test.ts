import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { topFields, toUnixLines, UnixLines } from '../../../../../src/transport/channels/maildir/content.ts';

const awkward = fc
  .array(fc.constantFrom('\r\n', '\r', '\n', 'a', '\r\r\n', '\n\r', 'ÿ'), { maxLength: 40 })
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));

function naive(content: Buffer): Buffer {
  return Buffer.from(content.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
}

describe('content of a Maildir file', () => {
  it('has LF for every CRLF and is else the same', () => {
    fc.assert(
      fc.property(awkward, (content) => assert.deepEqual(toUnixLines(content), naive(content))),
      { numRuns: 1000 },
    );
  });

  it('is the same in any chunks', async () => {
    await fc.assert(
      fc.asyncProperty(awkward, fc.nat(5), async (content, length) => {
        const chunks = Array.from({ length: content.length }, (_, at) => at).filter((at) => at % (length + 1) === 0);
        const pieces = chunks.map((at) => Buffer.from(content.subarray(at, at + length + 1)));
        const out: Buffer[] = [];
        for await (const chunk of Readable.from(pieces).pipe(new UnixLines())) out.push(chunk as Buffer);
        assert.deepEqual(Buffer.concat(out), naive(content));
      }),
      { numRuns: 300 },
    );
  });

  it('begins with fields in which nothing can end a line', () => {
    assert.equal(topFields('', 'a@b.test').toString(), 'Return-Path: <>\nDelivered-To: a@b.test\n');
    assert.equal(topFields('a\nX: y', 'b\r\nZ: w').toString().split('\n').length, 3);
  });
});
