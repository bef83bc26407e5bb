/** A Maildir that cannot be delivered to (over quota, read-only, stale, on two disks, gone): the mail waits, and nothing is left half done. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AS_OURSELVES, makeFolders, startFarm, type Farm } from '../../support/farm.ts';
import { countMaildir } from '../../support/maildir.ts';
import { makeTestDisk, type DiskRule } from '../../support/shims/failing-disk.ts';
import { sendMail } from '../../support/send-mail.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const RULES: readonly [string, DiskRule][] = [
  ['is over its quota at the first byte', { op: 'open', path: '/anna/tmp/', code: 'EDQUOT' }],
  ['is over its quota in the middle', { op: 'writeFile', path: '/anna/tmp/', code: 'EDQUOT' }],
  ['has a disk that fails to sync', { op: 'datasync', path: '/anna/tmp/', code: 'EIO' }],
  ['is read-only', { op: 'open', path: '/anna/tmp/', code: 'EROFS' }],
  ['is on a network disk that went away', { op: 'datasync', path: '/anna/tmp/', code: 'ESTALE' }],
  ['is over its quota for names', { op: 'link', path: '/anna/tmp/', code: 'EDQUOT' }],
];

function maildir(farm: Farm): string {
  return join(farm.var, 'mail', 'localhost', 'anna');
}

function inTmp(farm: Farm): string[] {
  return readdirSync(join(maildir(farm), 'tmp'));
}

function deferrals(farm: Farm): number {
  return farm.logLines().filter((line) => line.event === 'attempt' && line['state'] === 'deferred').length;
}

describe('a Maildir', () => {
  it('that is in trouble gets its mail when the trouble is over, once, and has no rest of it in tmp', async () => {
    const disk = makeTestDisk();
    await using farm = await startFarm({
      env: disk.env,
      set: ['domains.local=[localhost]', 'retry.times=[1s]'],
    });
    await sendMail({ port: farm.port, to: ['anna@localhost'] });
    await waitFor(() => countMaildir(maildir(farm)) === 1, { what: () => `the first\n${farm.tail()}` });
    for (const [n, [what, rule]] of RULES.entries()) {
      disk.fail(rule);
      const before = deferrals(farm);
      await sendMail({ port: farm.port, to: ['anna@localhost', 'eve@localhost'], prefix: `trouble-${n}` });
      await waitFor(() => deferrals(farm) > before, { what: () => `a deferral: it ${what}\n${farm.tail()}` });
      assert.equal(countMaildir(maildir(farm)), n + 1, what);
      assert.deepEqual(inTmp(farm), [], `it ${what}`);
      disk.fail();
      await waitFor(() => countMaildir(maildir(farm)) === n + 2, { what: () => `delivery\n${farm.tail()}` });
    }
    rmSync(maildir(farm), { recursive: true });
    await sendMail({ port: farm.port, to: ['anna@localhost'] });
    await waitFor(() => countMaildir(maildir(farm)) === 1, { what: () => `a new Maildir\n${farm.tail()}` });
    await farm.drained();
    assert.deepEqual(inTmp(farm), []);
  });

  it('whose new is on another disk than its tmp is put off, and gets its mail when it is one again', async (t) => {
    const folders = makeFolders();
    const fresh = join(folders.var, 'mail', 'localhost', 'anna', 'new');
    try {
      mkdirSync(fresh, { recursive: true, mode: 0o700 });
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', fresh], { stdio: 'pipe' });
      } catch {
        return t.skip('mounting is not allowed');
      }
      await using farm = await startFarm({
        folders,
        set: ['domains.local=[localhost]', 'retry.times=[1s]', ...AS_OURSELVES],
      });
      try {
        await sendMail({ port: farm.port, to: ['anna@localhost'] });
        await waitFor(() => deferrals(farm) > 0, { what: () => `a deferral\n${farm.tail()}` });
        await farm.waitForLog((line) => line.event === 'attempt' && /EXDEV/.test(String(line['reply'])));
        assert.deepEqual(inTmp(farm), []);
      } finally {
        execFileSync('umount', ['-l', fresh]);
      }
      await farm.drained();
      assert.equal(countMaildir(maildir(farm)), 1);
    } finally {
      removeTemp(folders.root);
    }
  });
});
