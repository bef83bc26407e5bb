import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeLine, FrameDecoder, MAX_LINE } from '../../../src/ipc/codec.ts';
import type { Frame } from '../../../src/ipc/messages.ts';

function encode(frames: readonly Frame[]): Buffer {
  return Buffer.from(encodeLine(frames.map((frame) => JSON.stringify(frame))));
}

/** Feeds a chunk at a time; the frames, or why it ended. */
function decode(chunks: readonly Buffer[]): Frame[] | string {
  const decoder = new FrameDecoder();
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    const decoded = decoder.feed(chunk);
    if (decoded.bad !== undefined) return decoded.bad;
    frames.push(...decoded.frames);
  }
  return frames;
}

const plain = { noNullPrototype: true };
const anyFrame = fc.oneof(
  fc.record({ t: fc.constant('taken' as const), n: fc.nat() }, plain),
  fc.record({ t: fc.constant('refused' as const), n: fc.nat(), why: fc.string({ unit: 'grapheme' }) }, plain),
  fc.record({ t: fc.constant('forget' as const), n: fc.nat(), ids: fc.array(fc.string({ unit: 'binary' })) }, plain),
);

describe('the codec', () => {
  it('gives the same frames however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyFrame)), fc.array(fc.nat()), (lines, cuts) => {
        const bytes = Buffer.concat(lines.map(encode));
        const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
        const chunks = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
        assert.deepEqual(decode(chunks), lines.flat());
      }),
    );
  });

  it('gives the same frames byte by byte', () => {
    const frames: Frame[] = [
      { t: 'taken', n: 1 },
      { t: 'refused', n: 2, why: 'ünïcödé \u2028 "quoted" \\ \n' },
    ];
    const chunks = Array.from(Buffer.concat([encode(frames), encode([])]), (byte) => Buffer.from([byte]));
    assert.deepEqual(decode(chunks), frames);
  });

  it('keeps a half frame to itself', () => {
    const bytes = encode([{ t: 'taken', n: 1 }]);
    for (let end = 0; end < bytes.length; end += 1) assert.deepEqual(decode([bytes.subarray(0, end)]), []);
  });

  it('says why it trusts a peer no more', () => {
    const cases: [string, RegExp][] = [
      ['garbage\n', /not JSON/],
      ['\n', /not JSON/],
      ['\0\0\0\n', /not JSON/],
      ['GET / HTTP/1.1\r\n', /not JSON/],
      ['{"t":"taken","n":1}\n', /not an array/],
      ['null\n', /not an array/],
      ['"taken"\n', /not an array/],
      ['[null]\n', /no known frame/],
      ['[[]]\n', /no known frame/],
      ['[{"t":"nonsense","n":1}]\n', /no known frame/],
      ['[{"t":"constructor"}]\n', /no known frame/],
      ['[{"t":"__proto__"}]\n', /no known frame/],
      ['[{"t":{"toString":1}}]\n', /no known frame/],
      ['[{"t":"taken"}]\n', /no known frame/],
      ['[{"t":"taken","n":-1}]\n', /no known frame/],
      ['[{"t":"taken","n":1e400}]\n', /no known frame|not JSON/],
      ['[{"t":"taken","n":1},{"t":"taken","n":"1"}]\n', /no known frame/],
      [`${'['.repeat(100_000)}${']'.repeat(100_000)}\n`, /not JSON|no known frame/],
      [`[${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}]\n`, /not JSON|no known frame/],
    ];
    for (const [text, why] of cases) {
      const result = decode([Buffer.from(text)]);
      assert.ok(typeof result === 'string', text.slice(0, 60));
      assert.match(result, why, text.slice(0, 60));
    }
  });

  it('ends a line that never ends, and holds no more than its limit', () => {
    const decoder = new FrameDecoder();
    const chunk = Buffer.alloc(1024 * 1024, 0x20);
    for (let fed = 0; fed < MAX_LINE; fed += chunk.length) assert.equal(decoder.feed(chunk).bad, undefined);
    assert.match(decoder.feed(Buffer.from(' ')).bad ?? '', /longer than/);
  });

  it('refuses a line that is too long in one chunk', () => {
    assert.match(
      new FrameDecoder().feed(Buffer.concat([Buffer.alloc(MAX_LINE + 1, 0x20), Buffer.from('\n')])).bad ?? '',
      /longer than/,
    );
  });

  it('never throws, whatever it is fed', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (chunks) => {
        decode(chunks.map((chunk) => Buffer.from(chunk)));
      }),
    );
    fc.assert(
      fc.property(fc.json(), (text) => {
        decode([Buffer.from(`[${text}]\n`)]);
      }),
    );
  });

  it('takes a million frames in one go', () => {
    const line = `[${Array.from({ length: 1000 }, (_, n) => `{"t":"taken","n":${n}}`).join(',')}]\n`;
    const decoded = new FrameDecoder().feed(Buffer.from(line.repeat(1000)));
    assert.equal(decoded.bad === undefined && decoded.frames.length, 1_000_000);
  });
});
