import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bucketOf, createIdSource, firstIdAt, isQueueId, timeOfId } from '../../../src/queue/queue-id.ts';

describe('queue ids', () => {
  it('are unique and ascend, more than a clock tick can hold, and when the clock steps back', () => {
    let clock = 1_795_338_809_000;
    const next = createIdSource(() => clock);
    const ids: string[] = [];
    for (let i = 0; i < 100_000; i += 1) {
      if (i % 1000 === 0) clock += i % 3000 === 0 ? -5000 : 1;
      ids.push(next());
    }
    assert.equal(new Set(ids).size, ids.length);
    assert.deepEqual(ids, ids.toSorted());
    assert.ok(ids.every(isQueueId));
  });

  it('say when they were made', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 44 }), (time) => {
        const id = createIdSource(() => time)();
        assert.equal(timeOfId(id), time);
        assert.ok(firstIdAt(time) <= id && id < firstIdAt(time + 1));
      }),
    );
  });

  it('of two processes differ', () => {
    const now = (): number => 1_795_338_809_000;
    assert.notEqual(createIdSource(now)(), createIdSource(now)());
  });

  it('name no path', () => {
    for (const text of [
      '',
      '../../etc/passwd',
      'a/b',
      '0123456789abcdefgh',
      '0123456789abcdefghi',
      '0123456789ABCDEFGHJ',
    ]) {
      assert.equal(isQueueId(text), false, text);
    }
    fc.assert(fc.property(fc.string(), (text) => !isQueueId(text) || /^[0-9a-z]{19}$/.test(text)));
  });

  it('spread evenly over the buckets, though they share most characters', () => {
    const next = createIdSource();
    const counts = Array.from({ length: 64 }, () => 0);
    for (let i = 0; i < 64_000; i += 1) counts[bucketOf(next(), 64)]! += 1;
    assert.ok(Math.min(...counts) > 600 && Math.max(...counts) < 1400, counts.join(' '));
  });
});
