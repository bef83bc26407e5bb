import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const CHILD = join(import.meta.dirname, 'broken-index.child.ts');

describe('an index that fails when a lane opens', () => {
  it('ends the scheduler: the lane has its worker, and is not lost', () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [CHILD], { encoding: 'utf8' });
    assert.deepEqual([stdout, status], ['', 1]);
    assert.match(stderr, /database connection is not open/);
  });
});
