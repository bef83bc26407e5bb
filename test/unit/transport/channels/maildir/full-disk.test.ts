import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { StoredMessage } from '../../../../../src/queue/store.ts';
import { MaildirDeliverer } from '../../../../../src/transport/channels/maildir/deliverer.ts';
import { DirectorySyncs } from '../../../../../src/transport/channels/maildir/directories.ts';
import { makeTemp } from '../../../../support/temp.ts';
import { makeJob, makeMessage, summarise } from '../../support.ts';

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

const LARGE = makeMessage(`Subject: x\r\n\r\n${'line\r\n'.repeat(50_000)}`);
const SMALL = makeMessage('Subject: x\r\n\r\n');

/** A small disk of its own at `place`; undefined where we may not mount. */
function mountSmall(place: string, options: string): Disposable | undefined {
  mkdirSync(place, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `${options},mode=0700`, 'tmpfs', place], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  return { [Symbol.dispose]: () => void execFileSync('umount', ['-l', place]) };
}

async function deliver(root: string, message: StoredMessage): Promise<[string | undefined, string | undefined]> {
  const deliverer = new MaildirDeliverer({ root, hostname: 'h.test', syncs: new DirectorySyncs() });
  const result = await deliverer.deliver(makeJob(['a@b.test'], { next: 'b.test/a' }), message);
  return [summarise(result)['a@b.test'], result.trouble?.status];
}

describe('a place without room', () => {
  it('that is one mailbox (as with a quota of XFS, which says ENOSPC) puts off its own mail, and no other', async (t) => {
    const root = makeTemp('full');
    using disk = mountSmall(join(root, 'b.test', 'a'), 'size=64k');
    if (!disk) return t.skip('needs the right to mount a tmpfs');
    assert.deepEqual(await deliver(root, LARGE), ['deferred 452 4.2.2', undefined]);
    assert.deepEqual(await deliver(root, SMALL), ['delivered 250 2.0.0', undefined]);
  });

  it('is the disk of all mailboxes: what was removed of the message again is no room for it', async (t) => {
    const root = makeTemp('full');
    using disk = mountSmall(root, 'size=64k');
    if (!disk) return t.skip('needs the right to mount a tmpfs');
    assert.deepEqual(await deliver(root, LARGE), ['deferred 452 4.3.1', '4.3.1']);
    assert.deepEqual(await deliver(root, SMALL), ['delivered 250 2.0.0', undefined]);
  });

  it('is the disk of all mailboxes, which has no inode left', async (t) => {
    const root = makeTemp('full');
    using disk = mountSmall(root, 'size=1m,nr_inodes=4');
    if (!disk) return t.skip('needs the right to mount a tmpfs');
    assert.deepEqual(await deliver(root, SMALL), ['deferred 452 4.3.1', '4.3.1']);
  });
});
