import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Answer } from '../../../src/dns/answer.ts';
import { AnswerCache } from '../../../src/dns/answer-cache.ts';
import { makeClock } from './support.ts';

function found(expires: number, ...value: unknown[]): Answer<unknown> {
  return { kind: 'found', value, expires, secure: false, name: 'x.test' };
}

describe('AnswerCache', () => {
  it('gives back what it was given, as long as that holds', () => {
    const clock = makeClock();
    const cache = new AnswerCache(clock.ticks);
    const answer = found(clock.now + 10, '192.0.2.1');
    cache.set('A x', answer);
    assert.equal(cache.get('A x'), answer);
    assert.equal(cache.get('A y'), undefined);
    clock.now += 10;
    assert.equal(cache.get('A x'), undefined);
    assert.equal(cache.size, 0);
  });

  it('keeps nothing that does not hold, nor what it stood for', () => {
    const clock = makeClock();
    const cache = new AnswerCache(clock.ticks);
    cache.set('A x', found(clock.now + 10));
    cache.set('A x', found(clock.now));
    assert.equal(cache.get('A x'), undefined);
  });

  it('lets the oldest go where there are too many; a new answer makes its name young again', () => {
    const clock = makeClock();
    const cache = new AnswerCache(clock.ticks, { entries: 3 });
    for (const key of ['a', 'b', 'c', 'a', 'd']) cache.set(key, found(clock.now + 10));
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].filter((key) => cache.get(key) !== undefined),
      ['a', 'c', 'd'],
    );
  });

  it('keeps no answer that is too large, and not too many large ones', () => {
    const clock = makeClock();
    const cache = new AnswerCache(clock.ticks, { bytes: 5000, entryBytes: 2000 });
    cache.set('huge', found(clock.now + 10, 'x'.repeat(2000)));
    assert.equal(cache.get('huge'), undefined);
    cache.set('records', found(clock.now + 10, ...Array.from({ length: 40 }, () => '')));
    assert.equal(cache.get('records'), undefined, 'many small ones are large too');
    for (let n = 0; n < 10; n += 1) cache.set(`n${n}`, found(clock.now + 10, { data: Buffer.alloc(1000) }));
    assert.ok(cache.size > 1 && cache.size < 5, String(cache.size));
    assert.ok(cache.get('n9') !== undefined);
  });

  it('holds its bounds, and every answer that it gives holds, whatever happens', () => {
    const step = fc.record({
      key: fc.nat(20),
      ttl: fc.integer({ min: -5, max: 50 }),
      size: fc.nat(900),
      wait: fc.nat(10),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const clock = makeClock();
        const cache = new AnswerCache(clock.ticks, { entries: 8, bytes: 4000, entryBytes: 1000 });
        for (const { key, ttl, size, wait } of steps) {
          clock.now += wait;
          cache.set(String(key), found(clock.now + ttl, 'x'.repeat(size)));
          assert.ok(cache.size <= 8);
          const got = cache.get(String(key));
          assert.ok(got === undefined || got.expires > clock.now);
        }
      }),
    );
  });
});
