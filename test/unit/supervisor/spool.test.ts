import assert from 'node:assert/strict';
import { chmodSync, chownSync, linkSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { prepareVar } from '../../../src/supervisor/spool.ts';
import { makeTemp } from '../../support/temp.ts';

const ROOT = process.getuid?.() === 0;
const NOBODY = { name: 'nobody', uid: 65_534, gid: 65_534 };

describe('prepareVar', () => {
  it('makes var and its folders, for their owner alone', () => {
    const dir = join(makeTemp(), 'deep/er/var');
    assert.equal(prepareVar(dir), undefined);
    assert.deepEqual(readdirSync(dir).toSorted(), ['log', 'mail', 'queue', 'run']);
    for (const name of ['', 'log', 'mail', 'queue', 'run']) assert.equal(statSync(join(dir, name)).mode & 0o777, 0o700);
  });

  it('closes folders that were open to others', () => {
    const dir = makeTemp();
    mkdirSync(join(dir, 'run'));
    chmodSync(join(dir, 'run'), 0o777);
    assert.equal(prepareVar(dir), undefined);
    assert.equal(statSync(join(dir, 'run')).mode & 0o777, 0o700);
  });

  it('refuses links in place of queue and run, and files in place of folders', () => {
    for (const name of ['queue', 'run']) {
      const dir = makeTemp();
      symlinkSync('/etc', join(dir, name));
      assert.match(prepareVar(dir) ?? '', new RegExp(`/${name} is a symbolic link`));
    }
    const dir = makeTemp();
    writeFileSync(join(dir, 'log'), '');
    assert.match(prepareVar(dir) ?? '', /log is no directory/);
  });

  it('says so when var cannot be made', () => {
    const file = join(makeTemp(), 'file');
    writeFileSync(file, '');
    assert.match(prepareVar(join(file, 'var')) ?? '', /ENOTDIR/);
  });

  describe('as root', { skip: ROOT ? false : 'not root' }, () => {
    it('gives what it makes to the workers’ user', () => {
      const dir = join(makeTemp(), 'var');
      assert.equal(prepareVar(dir, NOBODY), undefined);
      for (const name of ['', 'queue', 'run']) assert.equal(statSync(join(dir, name)).uid, NOBODY.uid, name);
    });

    it('makes folders and lock for the workers in a var of somebody else, and on a file system of its own', () => {
      const dir = makeTemp();
      chownSync(dir, 1000, 1000);
      assert.equal(prepareVar(dir, NOBODY), undefined);
      for (const name of ['lock', 'queue', 'run']) assert.equal(statSync(join(dir, name)).uid, NOBODY.uid, name);
      assert.equal(statSync(dir).uid, 1000);
      const own = makeTemp();
      mkdirSync(join(own, 'lost+found'));
      assert.equal(prepareVar(own, NOBODY), undefined);
      assert.equal(statSync(own).uid, NOBODY.uid);
    });

    it('gives away a queue that only root could have filled, file by file', () => {
      const dir = makeTemp();
      mkdirSync(join(dir, 'queue/mess'), { recursive: true, mode: 0o700 });
      writeFileSync(join(dir, 'queue/mess/one'), '');
      assert.equal(prepareVar(dir, NOBODY), undefined);
      assert.equal(statSync(join(dir, 'queue/mess/one')).uid, NOBODY.uid);
    });

    it('gives away no file that has another name elsewhere', () => {
      const dir = makeTemp();
      mkdirSync(join(dir, 'queue'), { mode: 0o700 });
      writeFileSync(join(dir, 'precious'), '');
      linkSync(join(dir, 'precious'), join(dir, 'queue/link'));
      prepareVar(dir, NOBODY);
      assert.equal(statSync(join(dir, 'precious')).uid, 0);
    });

    it('keeps its hands off folders of others, and says what to do', () => {
      const dir = makeTemp();
      mkdirSync(join(dir, 'queue'), { mode: 0o700 });
      chownSync(join(dir, 'queue'), 1234, 1234);
      assert.match(prepareVar(dir, NOBODY) ?? '', /belongs to uid 1234.*chown -R nobody/);
      assert.equal(statSync(join(dir, 'queue')).uid, 1234);
    });

    it('does not give away a var that holds anything else', () => {
      const dir = makeTemp();
      writeFileSync(join(dir, 'somebody-elses'), '');
      assert.equal(prepareVar(dir, NOBODY), undefined);
      assert.equal(statSync(dir).uid, 0);
    });
  });
});
