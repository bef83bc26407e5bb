import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HeaderGate, type Gathered } from '../../../src/acceptor/header-gate.ts';

/** Feeds the chunks until the header is complete. */
function gather(chunks: readonly string[], limit = 1000): Gathered | { readonly ended: number } {
  const gate = new HeaderGate(limit);
  for (const chunk of chunks) {
    const gathered = gate.take(Buffer.from(chunk));
    if (gathered !== 'more') return gathered;
  }
  return { ended: gate.finish().header };
}

function headerOf(gathered: ReturnType<typeof gather>): string | undefined {
  return typeof gathered === 'object' && 'content' in gathered
    ? gathered.content.toString().slice(0, gathered.header)
    : undefined;
}

describe('the header', () => {
  it('ends behind the blank line', () => {
    assert.equal(headerOf(gather(['a: b\r\n\r\nbody\r\n\r\nmore'])), 'a: b\r\n\r\n');
  });

  it('may be empty', () => {
    assert.equal(headerOf(gather(['\r\nbody'])), '\r\n');
    assert.equal(headerOf(gather(['\r', '\nbody'])), '\r\n');
  });

  it('may be all there is', () => {
    assert.deepEqual(gather(['a: b\r\n', 'c: d\r\n']), { ended: 12 });
    assert.deepEqual(gather([]), { ended: 0 });
  });

  it('has a limit, and the body does not count', () => {
    assert.equal(headerOf(gather([`${'x'.repeat(95)}\r\n\r\n`], 99))?.length, 99);
    assert.equal(gather([`${'x'.repeat(96)}\r\n\r\n`], 99), 'too-large');
    assert.equal(gather(['x'.repeat(60), 'x'.repeat(60)], 99), 'too-large');
    assert.equal(headerOf(gather([`a\r\n\r\n${'x'.repeat(500)}`], 99)), 'a\r\n\r\n');
  });

  it('is found however it is split', () => {
    const text = fc.array(fc.constantFrom('a', '\r', '\n', '\r\n', '\r\n\r\n'), { maxLength: 20 });
    fc.assert(
      fc.property(text, (parts) => {
        const whole = headerOf(gather([parts.join('')]));
        const single = gather(parts.join('').split(''));
        assert.equal(headerOf(single), whole);
      }),
      { numRuns: 2000 },
    );
  });
});
