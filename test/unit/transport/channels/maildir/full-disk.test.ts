import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeTemp } from '../../../../support/temp.ts';

const CHILD = join(import.meta.dirname, 'full-disk.child.ts');

describe('a disk without room', () => {
  it('defers the message, leaves nothing behind, and heals by itself', () => {
    // A limit on the size of files is the one kind of "full" that needs no privileges: EFBIG instead of ENOSPC.
    const script = 'ulimit -f 64; exec "$0" "$1" "$2"';
    const output = execFileSync('sh', ['-c', script, process.execPath, CHILD, makeTemp('full')], { encoding: 'utf8' });
    const { large, small, left } = JSON.parse(output);
    assert.equal(large.verdicts[0].state, 'deferred');
    assert.deepEqual([large.trouble.code, large.trouble.status], [452, '4.3.1']);
    assert.equal(small.verdicts[0].state, 'delivered');
    // The mark of the small one, whose outcome nobody has recorded.
    assert.equal(left, 1);
  });
});
