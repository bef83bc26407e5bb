import assert from 'node:assert/strict';
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readIdentity } from '../../../src/process/identity.ts';
import { readLive, writeLive } from '../../../src/process/live.ts';
import { replaceFile } from '../../../src/process/replace-file.ts';
import { makeTemp } from '../../support/temp.ts';

describe('the list of live workers', () => {
  it('is read as it was written', () => {
    const file = join(makeTemp(), 'live.json');
    writeLive(['acceptor-1-x', 'bounce-2-x'], undefined, file);
    assert.deepEqual([...readLive(file)], ['acceptor-1-x', 'bounce-2-x']);
    writeLive([], undefined, file);
    assert.equal(readLive(file).size, 0);
  });

  it('is empty when there is none', () => {
    assert.equal(readLive(join(makeTemp(), 'live.json')).size, 0);
  });

  it('is not guessed at when it is broken: all would look like orphans', () => {
    const file = join(makeTemp(), 'live.json');
    writeFileSync(file, '["acceptor-1');
    assert.throws(() => readLive(file));
  });
});

describe('replaceFile', () => {
  it('writes for the owner alone, through no link, over what was left of an earlier try', () => {
    const dir = makeTemp();
    const file = join(dir, 'file');
    writeFileSync(join(dir, 'precious'), 'precious');
    symlinkSync(join(dir, 'precious'), `${file}.new`);
    symlinkSync(join(dir, 'precious'), file);
    replaceFile(file, 'text');
    assert.equal(readFileSync(file, 'utf8'), 'text');
    assert.equal(readFileSync(join(dir, 'precious'), 'utf8'), 'precious');
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('keeps the old file when it cannot write', () => {
    assert.throws(() => replaceFile(join(makeTemp(), 'no/such/folder'), 'text'), { code: 'ENOENT' });
  });
});

describe('readIdentity', () => {
  it('is undefined for a process that the supervisor did not start', () => {
    assert.equal(readIdentity({}), undefined);
    assert.equal(readIdentity({ MAILFARM_WORKER: '{"farm":"nonsense"}' }), undefined);
  });
});
