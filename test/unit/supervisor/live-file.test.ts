import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { readLive } from '../../../src/process/live.ts';
import { LiveFile } from '../../../src/supervisor/live-file.ts';
import { makeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

describe('LiveFile', () => {
  it('follows what comes and goes', () => {
    process.chdir(makeTemp());
    mkdirSync('run');
    const file = new LiveFile(undefined, assert.fail);
    file.add('router-1-x');
    file.add('acceptor-1-x');
    file.remove('router-1-x');
    assert.deepEqual([...readLive()], ['acceptor-1-x']);
  });

  it('knows when it could not write, says so once, and heals by itself', async () => {
    process.chdir(makeTemp());
    mkdirSync('run/live.json', { recursive: true });
    const problems: string[] = [];
    const file = new LiveFile(undefined, (why) => problems.push(why));
    file.add('router-1-x');
    file.add('router-2-x');
    assert.equal(file.stale, true);
    assert.equal(problems.length, 1);
    rmdirSync('run/live.json');
    await waitFor(() => !file.stale, { what: 'a written file' });
    assert.deepEqual([...readLive()], ['router-1-x', 'router-2-x']);
  });
});
