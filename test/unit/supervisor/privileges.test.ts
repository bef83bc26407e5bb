import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { chooseUser, findUser, whyUnreadable } from '../../../src/supervisor/privileges.ts';
import { makeTemp } from '../../support/temp.ts';

const ROOT = process.getuid?.() === 0;

describe('findUser', () => {
  it('finds users by name, and nobody by another', () => {
    assert.deepEqual(findUser('root'), { name: 'root', uid: 0, gid: 0 });
    for (const name of ['no-such-user', '', '-u', '; id', '../root']) assert.equal(findUser(name), undefined, name);
  });
});

describe('chooseUser', () => {
  it('decides nothing when not started as root', { skip: ROOT ? 'root' : false }, () => {
    assert.deepEqual(chooseUser('root'), { ok: true, user: undefined });
  });

  describe('as root', { skip: ROOT ? false : 'not root' }, () => {
    it('takes the user that is asked for', () => {
      const choice = chooseUser('nobody');
      assert.equal(choice.ok && choice.user?.name, 'nobody');
    });

    it('finds an unprivileged user when none is asked for', () => {
      const choice = chooseUser(undefined);
      assert.ok(choice.ok && choice.user !== undefined && choice.user.uid !== 0);
    });

    it('warns of workers that run as root', () => {
      const choice = chooseUser('root');
      assert.ok(choice.ok && choice.user === undefined && /root/.test(choice.warning ?? ''));
    });

    it('refuses a user that is not there', () => {
      const choice = chooseUser('no-such-user');
      assert.ok(!choice.ok && /no user no-such-user/.test(choice.why));
    });
  });
});

describe('whyUnreadable', { skip: ROOT ? false : 'not root' }, () => {
  const nobody = { name: 'nobody', uid: 65_534, gid: 65_534 };

  it('is content with code that all may read', () => {
    assert.equal(whyUnreadable(nobody, ['/bin/sh']), undefined);
  });

  it('names the folder that is in the way and the ways out', () => {
    const closed = join(makeTemp(), 'closed');
    mkdirSync(closed);
    writeFileSync(join(closed, 'main.ts'), '');
    chmodSync(closed, 0o700);
    const why = whyUnreadable(nobody, [join(closed, 'main.ts')]) ?? '';
    assert.match(why, /user nobody cannot read/);
    assert.ok(why.includes(`chmod o+x ${closed}`));
    assert.match(why, /--set user=root/);
  });

  it('names a file that is closed itself', () => {
    const file = join(makeTemp(), 'main.ts');
    writeFileSync(file, '');
    chmodSync(file, 0o600);
    assert.match(whyUnreadable(nobody, [file]) ?? '', /chmod -R o\+rX/);
  });
});
