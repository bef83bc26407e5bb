/** A farm without work: nobody reads directories, nobody burns CPU, and the scheduler starts no process and needs few descriptors. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startFarm, type Farm } from '../../support/farm.ts';
import { cpuMs } from '../../support/processes.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { waitFor, waitForQuiet } from '../../support/wait.ts';
import { attach, NO_STRACE } from '../support/strace.ts';

const IDLE_MS = 3000;

/** Of the lines that strace wrote, those that tell of a call. */
function calls(lines: readonly string[]): string[] {
  return lines.filter((line) => /^\d+\s+\w+\(/.test(line));
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
  await farm.waitForLog((line) => line.event === 'injection-done');
  await waitFor(() => farm.workers('injector').length === 0, { what: 'the injector to exit' });
  return farm;
}

describe('an idle farm', () => {
  it('reads no directory and starts no process', { skip: NO_STRACE }, async () => {
    await using sink = await startSink();
    await using farm = await startWarm(sink.port);
    const pids = [farm.pid, ...farm.workers().map((worker) => worker.pid)];
    const how = ['-e', 'trace=getdents64,getdents,execve,fork,vfork'];
    using tracing = await attach(pids, how, join(farm.folders.root, 'trace'));
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    assert.deepEqual(calls(await tracing.stop()), []);
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
  it('starts no process while it works', { skip: NO_STRACE }, async () => {
    await using sink = await startSink();
    await using farm = await startWarm(sink.port);
    const { pid } = await farm.worker('scheduler');
    using tracing = await attach([pid], ['-e', 'trace=execve,fork,vfork'], join(farm.folders.root, 'trace'));
    await sendMail({ port: farm.port, to: ['anna@localhost', 'bob@far.example'], count: 50, sessions: 2 });
    await farm.drained();
    assert.deepEqual(calls(await tracing.stop()), []);
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
