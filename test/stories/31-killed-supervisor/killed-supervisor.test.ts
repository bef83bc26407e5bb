/** A supervisor killed under load, and the next one started at once: there is never a second scheduler, by whatever path var is reached. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeFolders, startFarm, type FarmOptions } from '../../support/farm.ts';
import { listWorkers } from '../../support/processes.ts';
import { run } from '../../support/run.ts';
import { emptyLedger, sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';
import { findFreePorts } from '../support/free-ports.ts';

const MESSAGES = 600;

function schedulers(varDir: string): number {
  return listWorkers(varDir).filter((worker) => worker.farm === 'scheduler').length;
}

describe('a supervisor killed under load', () => {
  it('is followed at once by another, which waits for the workers of the first; nothing is lost or doubled', async () => {
    const folders = makeFolders();
    try {
      await using sink = await startSink();
      const [port = 0] = await findFreePorts(1);
      const set = [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`, 'retry.times=[1s]'];
      const options: FarmOptions = { folders, set, listen: [`127.0.0.1:${port}`] };
      await using first = await startFarm(options);
      const ledger = emptyLedger();
      const sending = sendMail({ port, to: ['bob@far.example'], count: MESSAGES, sessions: 4, ledger });
      await waitFor(() => ledger.accepted.length > MESSAGES / 3, { what: 'a third' });
      const killed = first.kill();
      let most = 0;
      const watch = setInterval(() => (most = Math.max(most, schedulers(folders.var))), 5).unref();
      await killed;
      await using second = await startFarm(options);
      clearInterval(watch);
      await sending;
      await second.drained();
      const counts = sink.counts();
      assert.equal(most, 1, 'one scheduler at a time');
      assert.deepEqual(
        ledger.accepted.filter((id) => counts.get(id) !== 1),
        [],
      );
    } finally {
      removeTemp(folders.root);
    }
  });
});

describe('the lock on var', () => {
  it('holds for another path to the same folder', async (t) => {
    await using farm = await startFarm();
    const other = join(farm.folders.root, 'other');
    mkdirSync(other);
    try {
      execFileSync('mount', ['--bind', farm.var, other], { stdio: 'pipe' });
    } catch {
      return t.skip('mounting is not allowed');
    }
    try {
      const args = ['--etc', farm.etc, '--var', other, '--set', 'listen.0.address=127.0.0.1:0'];
      const second = await run('bin/mailfarmd', args);
      assert.notEqual(second.status, 0);
      assert.match(second.stderr, new RegExp(`\\b${farm.pid}\\b`));
      assert.equal(schedulers(farm.var), 1);
    } finally {
      execFileSync('umount', ['-l', other]);
    }
  });

  it('is the lock and not the number in the file: a copied or stale one keeps nobody out', async () => {
    const folders = makeFolders();
    try {
      writeFileSync(join(folders.var, 'lock'), `${process.pid}\n`);
      await using farm = await startFarm({ folders });
      assert.equal(readFileSync(join(folders.var, 'lock'), 'utf8').trim(), String(farm.pid));
    } finally {
      removeTemp(folders.root);
    }
  });
});
