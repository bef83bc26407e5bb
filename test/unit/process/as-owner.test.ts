/** What root does in folders of others: as much as their owner could do, and no more. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { asOwner } from '../../../src/process/as-owner.ts';
import { replaceFile } from '../../../src/process/replace-file.ts';
import { bindSocket } from '../../../src/supervisor/sockets.ts';
import { makeTemp } from '../../support/temp.ts';

const NOBODY = { uid: 65_534, gid: 65_534 };
const skip = process.getuid?.() === 0 ? false : 'needs root';

/** A folder of nobody's, and one of root beside it, with a file. */
function makeFolders(): { readonly theirs: string; readonly ours: string; readonly file: string } {
  const root = makeTemp('owner');
  const [theirs, ours] = [join(root, 'theirs'), join(root, 'ours')];
  chmodSync(root, 0o755);
  mkdirSync(theirs);
  chownSync(theirs, NOBODY.uid, NOBODY.gid);
  mkdirSync(ours, { mode: 0o755 });
  const file = join(ours, 'config.json');
  writeFileSync(file, 'precious', { mode: 0o600 });
  return { theirs, ours, file };
}

const identity = (): unknown => [process.geteuid?.(), process.getegid?.(), process.getgroups?.().toSorted()];

describe('root in a folder of the workers', { skip }, () => {
  it('makes files and sockets that are theirs', () => {
    const { theirs } = makeFolders();
    const file = join(theirs, 'config.json');
    replaceFile(file, 'x', NOBODY);
    const bound = bindSocket(join(theirs, 'x.sock'), NOBODY);
    assert.equal(bound.ok, true);
    for (const path of [file, join(theirs, 'x.sock')]) {
      const { uid, gid, mode } = statSync(path);
      assert.deepEqual([uid, gid, mode & 0o777], [NOBODY.uid, NOBODY.gid, 0o600], path);
    }
    if (bound.ok) bound.bound.close();
  });

  it('is not led into a folder of root’s by a link', () => {
    const { theirs, ours, file } = makeFolders();
    const link = join(theirs, 'run');
    symlinkSync(ours, link);
    assert.throws(() => replaceFile(join(link, 'config.json'), 'mine', NOBODY), { code: 'EACCES' });
    const bound = bindSocket(join(link, 'x.sock'), NOBODY);
    assert.equal(bound.ok ? '' : bound.code, 'EACCES');
    assert.deepEqual([readFileSync(file, 'utf8'), statSync(file).uid], ['precious', 0]);
  });

  it('is root where the folder is its own, and gives the socket away', () => {
    const { ours } = makeFolders();
    const path = join(ours, 'x.sock');
    const bound = bindSocket(path, NOBODY);
    assert.equal(bound.ok, true);
    assert.deepEqual([statSync(path).uid, statSync(path).mode & 0o777], [NOBODY.uid, 0o600]);
    if (bound.ok) bound.bound.close();
    assert.equal(existsSync(path), false);
  });

  it('is root again afterwards, whatever happens', () => {
    const before = identity();
    assert.equal(
      asOwner(NOBODY, () => process.geteuid?.()),
      NOBODY.uid,
    );
    assert.throws(() =>
      asOwner(NOBODY, () => {
        assert.deepEqual(identity(), [NOBODY.uid, NOBODY.gid, [NOBODY.gid]]);
        throw new Error('on purpose');
      }),
    );
    assert.deepEqual(identity(), before);
  });
});
