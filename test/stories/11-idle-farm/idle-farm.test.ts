/** A farm without work: nobody reads directories, nobody burns CPU, and the scheduler starts no process and needs few descriptors. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startFarm, type Farm } from '../../support/farm.ts';
import { cpuMs } from '../../support/processes.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { waitFor, waitForQuiet } from '../../support/wait.ts';

const IDLE_MS = 3000;

function hasStrace(): boolean {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'pipe' });
    return true;
  } catch {
    // Not installed, or tracing is not allowed.
    return false;
  }
}

const STRACE = hasStrace();

/** Calls of some kinds that these processes make, from now on until `stop`. */
async function trace(pids: readonly number[], calls: string, file: string): Promise<{ stop(): Promise<string[]> }> {
  const child = spawn('strace', [
    '-f',
    '-q',
    '-e',
    `trace=${calls}`,
    '-o',
    file,
    ...pids.flatMap((pid) => ['-p', String(pid)]),
  ]);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const traced = (pid: number): boolean => !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  await waitFor(() => pids.every(traced), { what: 'strace to attach' });
  return {
    async stop() {
      child.kill('SIGINT');
      await ended;
      return readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => /^\d+\s+\w+\(/.test(line));
    },
  };
}

/** Mail went through, so that everything is started and warm; then nothing is left to do. */
async function startWarm(port: number): Promise<Farm> {
  const farm = await startFarm({
    set: [
      `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${port}"}]`,
      'domains.local=[localhost]',
      'smtp.idleTimeout=1s',
    ],
  });
  await sendMail({ port: farm.port, to: ['anna@localhost', 'bob@far.example'], count: 20, sessions: 2 });
  await farm.drained();
  return farm;
}

describe('an idle farm', () => {
  it('reads no directory and starts no process', { skip: STRACE ? false : 'no strace' }, async () => {
    await using sink = await startSink();
    await using farm = await startWarm(sink.port);
    const pids = [farm.pid, ...farm.workers().map((worker) => worker.pid)];
    const tracing = await trace(pids, 'getdents64,getdents,execve,fork,vfork', join(farm.folders.root, 'trace'));
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    assert.deepEqual(await tracing.stop(), []);
  });

  it('uses next to no CPU', async () => {
    await using sink = await startSink();
    await using farm = await startWarm(sink.port);
    const pids = [farm.pid, ...farm.workers().map((worker) => worker.pid)];
    const used = (): number => pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
    // What the mail left behind (garbage, idle timers) is done first.
    await waitForQuiet(used, { what: 'the work after the last mail', looks: 100 });
    const before = used();
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const share = (used() - before) / IDLE_MS;
    assert.ok(share < 0.1, `${(share * 100).toFixed(1)} % of a core`);
  });
});

describe('the scheduler', () => {
  it('starts no process while it works', { skip: STRACE ? false : 'no strace' }, async () => {
    await using sink = await startSink();
    await using farm = await startWarm(sink.port);
    const { pid } = await farm.worker('scheduler');
    const tracing = await trace([pid], 'execve,fork,vfork', join(farm.folders.root, 'trace'));
    await sendMail({ port: farm.port, to: ['anna@localhost', 'bob@far.example'], count: 50, sessions: 2 });
    await farm.drained();
    assert.deepEqual(await tracing.stop(), []);
  });

  it('needs no more descriptors for more transport workers', async () => {
    await using sink = await startSink();
    const count = async (least: number): Promise<number> => {
      await using farm = await startFarm({
        set: [
          `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
          `farms.smtp.least=${least}`,
          `farms.smtp.most=${least}`,
          'smtp.idleTimeout=1s',
        ],
      });
      await sendMail({ port: farm.port, to: ['bob@far.example'], count: 50, sessions: 2 });
      await farm.drained();
      const { pid } = await farm.worker('scheduler');
      let least_ = Infinity;
      await waitFor(() => {
        const now = readdirSync(`/proc/${pid}/fd`).length;
        const steady = now === least_;
        least_ = now;
        return steady;
      });
      return least_;
    };
    const [few, many] = [await count(1), await count(6)];
    assert.ok(many <= few + 4, `${few} with one worker, ${many} with six`);
  });
});
