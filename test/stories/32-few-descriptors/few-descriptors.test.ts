/** A farm that may open 40 files: not enough for all its workers. It says so, stays alive, and is whole as soon as it may open more. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { makeFolders, startFarm } from '../../support/farm.ts';
import { listWorkers } from '../../support/processes.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

/** False where it is not installed, or did not work. */
function prlimit(...args: readonly string[]): boolean {
  try {
    execFileSync('prlimit', args, { stdio: 'pipe' });
    return true;
  } catch {
    // The caller says what that means.
    return false;
  }
}

describe('a farm with 40 descriptors', { skip: prlimit('--nofile') ? false : 'no prlimit' }, () => {
  it('cannot fork all workers, tries on ever more slowly, and heals', async () => {
    const folders = makeFolders();
    try {
      await using sink = await startSink();
      const starting = startFarm({
        folders,
        wrap: ['prlimit', '--nofile=40:4096'],
        set: [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`],
      });
      // A process that it forks has its title for a moment: the first of that name it is itself.
      const supervisor = (): number | undefined =>
        listWorkers(folders.var)
          .filter(({ farm }) => farm === 'supervisor')
          .toSorted((one, other) => one.pid - other.pid)[0]?.pid;
      const pid = await waitFor(supervisor, { what: 'the supervisor' });
      // With these it has what it may have: the last one is missing.
      const count = (): number => readdirSync(`/proc/${pid}/fd`).length;
      await waitFor(() => count() >= 37, { what: () => `the supervisor to run short, it has ${count()}` });
      const widen = (): boolean => prlimit('--pid', String(pid), '--nofile=4096:4096');
      // It is somebody else for a moment while it works below var as root, and then not ours to change.
      await waitFor(widen, { what: 'its limit to be set' });
      await using farm = await starting;
      assert.equal(farm.pid, pid, 'it never died');
      const { accepted } = await sendMail({ port: farm.port, to: ['bob@far.example'], count: 30 });
      await farm.drained();
      assert.ok(accepted.length === 30 && accepted.every((id) => sink.counts().get(id) === 1));
    } finally {
      removeTemp(folders.root);
    }
  });
});
