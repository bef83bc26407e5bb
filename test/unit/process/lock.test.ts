import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { takeLock } from '../../../src/process/lock.ts';
import { isRunning } from '../../support/processes.ts';
import { makeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const HOLDER = join(import.meta.dirname, '../../support/supervisor/lock-holder.ts');
const started: number[] = [];

/** A process that takes the lock as a supervisor does, with a child that inherits it; tells both pids. */
async function hold(file: string): Promise<{ readonly holder: ChildProcess; readonly child: number }> {
  const holder = spawn(process.execPath, [HOLDER, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise<string>((resolve) =>
    holder.stdout?.once('data', (data: Buffer) => resolve(String(data))),
  );
  const child = Number(line.split(' ')[1]);
  started.push(holder.pid ?? 0, child);
  return { holder, child };
}

describe('takeLock', () => {
  afterEach(() => {
    for (const pid of started.splice(0)) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  });

  it('takes a free lock and writes who holds it', async () => {
    const file = join(makeTemp(), 'lock');
    const locked = await takeLock(file, { waitMs: 0 });
    assert.equal(locked.kind, 'locked');
    assert.equal(readFileSync(file, 'utf8'), `${process.pid}\n`);
    if (locked.kind === 'locked') closeSync(locked.fd);
  });

  it('is refused while another supervisor runs, and names it', async () => {
    const file = join(makeTemp(), 'lock');
    const { holder } = await hold(file);
    assert.deepEqual(await takeLock(file, { waitMs: 60_000 }), { kind: 'running', pid: holder.pid });
  });

  it('waits for the children of a supervisor that was killed, and gets it when they end', async () => {
    const file = join(makeTemp(), 'lock');
    const { holder, child } = await hold(file);
    holder.kill('SIGKILL');
    await waitFor(() => !isRunning(holder.pid ?? 0), { what: 'end of the holder' });
    let waitedFor = 0;
    const taking = takeLock(file, { waitMs: 20_000, onWait: (pid) => (waitedFor = pid) });
    await waitFor(() => waitedFor !== 0, { what: 'a word about waiting' });
    process.kill(child, 'SIGKILL');
    const locked = await taking;
    assert.equal(locked.kind, 'locked');
    assert.equal(waitedFor, holder.pid);
    if (locked.kind === 'locked') closeSync(locked.fd);
  });

  it('gives up after its time when they do not end', async () => {
    const file = join(makeTemp(), 'lock');
    const { holder } = await hold(file);
    holder.kill('SIGKILL');
    await waitFor(() => !isRunning(holder.pid ?? 0), { what: 'end of the holder' });
    assert.deepEqual(await takeLock(file, { waitMs: 150 }), { kind: 'finishing', pid: holder.pid });
  });

  it('does not care what the file says when nobody holds it', async () => {
    const file = join(makeTemp(), 'lock');
    for (const text of ['', '1\n', `${process.ppid}\n`, 'nonsense', '\0'.repeat(10_000)]) {
      writeFileSync(file, text);
      const locked = await takeLock(file, { waitMs: 0 });
      assert.equal(locked.kind, 'locked');
      assert.equal(readFileSync(file, 'utf8'), `${process.pid}\n`);
      if (locked.kind === 'locked') closeSync(locked.fd);
    }
  });

  it('follows no link', async () => {
    const dir = makeTemp();
    writeFileSync(join(dir, 'precious'), 'precious');
    symlinkSync(join(dir, 'precious'), join(dir, 'lock'));
    await assert.rejects(takeLock(join(dir, 'lock'), { waitMs: 0 }), { code: 'ELOOP' });
  });
});
