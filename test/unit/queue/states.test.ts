import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { QUEUE_STATES } from '../../../src/queue/states.ts';

const README = new URL('../../../src/queue/README.md', import.meta.url);

describe('the state table', () => {
  it('is the same in the README as in code', () => {
    const rows = readFileSync(README, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('|') && !/^\|[ :|-]+$/.test(line))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    const [head, ...shown] = rows;
    assert.equal(head?.[0], 'state');
    const table = QUEUE_STATES.map((one) => [
      one.state,
      one.files,
      one.meaning,
      one.movers,
      one.commitment,
      one.recovery,
    ]);
    assert.deepEqual(shown, table);
  });
});
