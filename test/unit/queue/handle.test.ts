import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { idOfHandle, journalHandle, parseHandle, stagedHandle, treeHandle } from '../../../src/queue/handle.ts';
import { createIdSource } from '../../../src/queue/queue-id.ts';

const next = createIdSource();

describe('handles', () => {
  it('come back as what they were made of', () => {
    const id = next();
    const place = { segment: `${next()}.acceptor-3-mi5x8k2a`, ordinal: 7, offset: 12_345, length: 678 };
    assert.deepEqual(parseHandle(treeHandle(id)), { id });
    assert.deepEqual(parseHandle(journalHandle(id, place)), { id, journal: place });
    assert.deepEqual(parseHandle(stagedHandle(id, 'acceptor-1-x.5')), { id, stagedBy: 'acceptor-1-x.5' });
    assert.equal(idOfHandle(journalHandle(id, place)), id);
  });

  it('are none when anything about them is wrong', () => {
    const id = next();
    const wrong = ['', 'x', `${id}@`, `${id}@../../etc:0:0:1`, `${id}@${next()}.a/b:0:0:1`, `${id}!../x`, `${id}\n`];
    for (const text of wrong) assert.equal(parseHandle(text), undefined, text);
    fc.assert(fc.property(fc.string(), (text) => parseHandle(text) === undefined));
  });
});
