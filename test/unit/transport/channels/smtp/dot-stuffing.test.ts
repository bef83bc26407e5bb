import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { waitFor } from '../../../../support/wait.ts';
import fc from 'fast-check';
import {
  DotStuffing,
  endOfData,
  settleLineEnds,
  stuffDots,
} from '../../../../../src/transport/channels/smtp/dot-stuffing.ts';

/** Byte by byte, as one would write it down from RFC 5321. */
function naive(content: Buffer): Buffer {
  const text = content
    .toString('latin1')
    .replaceAll('\0', ' ')
    .replace(/\r\n|\r|\n/g, '\r\n');
  const lines = text.split('\r\n');
  const last = lines.pop() ?? '';
  const stuffed = lines.map((line) => `${line.startsWith('.') ? '.' : ''}${line}\r\n`).join('');
  const rest = last === '' ? '' : `${last.startsWith('.') ? '.' : ''}${last}\r\n`;
  return Buffer.from(`${stuffed}${rest}.\r\n`, 'latin1');
}

function atOnce(content: Buffer): Buffer {
  const settled = settleLineEnds(content);
  return Buffer.concat([stuffDots(settled), endOfData(settled)]);
}

async function streamed(chunks: readonly Buffer[]): Promise<Buffer> {
  const out: Buffer[] = [];
  const stream = Readable.from(chunks).pipe(new DotStuffing());
  for await (const chunk of stream) out.push(chunk as Buffer);
  return Buffer.concat(out);
}

/** Bytes that matter, much more often than chance would have them. */
const awkward = fc
  .array(fc.constantFrom('\r\n', '\r', '\n', '.', '..', '\0', 'a', 'ÿ', '\r\n.', '\r\n.\r\n', '\n.\n', 'line'), {
    maxLength: 40,
  })
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));

describe('dot-stuffing', () => {
  it('equals the naive way for any content', () => {
    fc.assert(
      fc.property(awkward, (content) => assert.deepEqual(atOnce(content), naive(content))),
      { numRuns: 2000 },
    );
  });

  it('equals the naive way for any content in any chunks', async () => {
    const cases = fc.tuple(awkward, fc.array(fc.nat(20), { maxLength: 10 }));
    await fc.assert(
      fc.asyncProperty(cases, async ([content, cuts]) => {
        const chunks: Buffer[] = [];
        let from = 0;
        for (const cut of cuts) {
          chunks.push(content.subarray(from, from + cut));
          from += cut;
        }
        chunks.push(content.subarray(from));
        assert.deepEqual(await streamed(chunks.filter((chunk) => chunk.length > 0)), naive(content));
      }),
      { numRuns: 500 },
    );
  });

  it('has one end mark, at the end, whatever the content', () => {
    fc.assert(
      fc.property(awkward, (content) => {
        const wire = Buffer.concat([Buffer.from('\r\n'), atOnce(content)]);
        assert.equal(wire.indexOf('\r\n.\r\n'), wire.length - 5);
        assert.doesNotMatch(wire.toString('latin1'), /\r(?!\n)|(?<!\r)\n|\0/);
      }),
    );
  });

  it('copies nothing when nothing has to change', () => {
    const content = Buffer.from('Subject: x\r\n\r\nplain\r\n');
    assert.equal(settleLineEnds(content), content);
    assert.equal(stuffDots(content), content);
  });

  it('ends an empty message with the mark alone', () => {
    assert.equal(atOnce(Buffer.alloc(0)).toString(), '.\r\n');
  });

  it('ends when the end mark was handed on, and not before', async () => {
    let ended = false;
    const stuffing = new DotStuffing();
    stuffing.once('end', () => (ended = true));
    stuffing.resume();
    await new Promise<void>((resolve) => stuffing.write(Buffer.from('a\r\n'), () => resolve()));
    assert.equal(ended, false);
    stuffing.end();
    await waitFor(() => ended);
  });
});
