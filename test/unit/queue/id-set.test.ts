import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IdSet } from '../../../src/queue/id-set.ts';
import { createIdSource } from '../../../src/queue/queue-id.ts';

describe('a set of queue ids', () => {
  it('knows those that were added, each once, and no others', () => {
    const next = createIdSource();
    const set = new IdSet();
    const ids = Array.from({ length: 5000 }, next);
    for (const id of ids) assert.equal(set.add(id), true);
    for (const id of ids) assert.equal(set.add(id), false);
    for (const id of Array.from({ length: 5000 }, next)) assert.equal(set.has(id), false);
    const [id = ''] = ids;
    for (let at = 1; at < id.length; at += 1) {
      const other = `${id.slice(0, at)}${id[at] === 'z' ? 'y' : 'z'}${id.slice(at + 1)}`;
      if (!ids.includes(other as (typeof ids)[number]))
        assert.equal(set.has(other), false, `another character at ${at}`);
    }
  });
});
