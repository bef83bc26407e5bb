/** No new process (EAGAIN at fork), and workers that the system kills for their memory: mail goes on with those that are left. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { makeContent } from '../../support/content.ts';
import { makeFolders, startFarm } from '../../support/farm.ts';
import { isRunning, signal } from '../../support/processes.ts';
import { emptyLedger, sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';
import { makeStranger } from '../support/stranger.ts';

const TO = ['bob@far.example'];

describe('a system that forks no more', () => {
  it('leaves the farm alive, which goes on when it can', async (t) => {
    const folders = makeFolders();
    try {
      const stranger = makeStranger(folders);
      if (stranger === undefined) return t.skip('only root can become a user who is nobody else');
      await using sink = await startSink();
      await using farm = await startFarm({
        folders,
        wrap: stranger.wrap,
        set: [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`, 'farms.acceptor.least=2'],
      });
      const limit = (processes: number): void => {
        const [command, ...rest] = stranger.wrap;
        const args = [...rest, 'prlimit', '--pid', String(farm.pid), `--nproc=${processes}:`];
        execFileSync(command ?? '', args, { stdio: 'pipe' });
      };
      limit(1);
      const [first, second] = farm.workers('acceptor');
      assert.ok(first && second);
      const { pid: smtp } = await farm.worker('smtp');
      signal(first.pid, 'SIGKILL');
      signal(smtp, 'SIGKILL');
      await farm.waitForLog((line) => line.event === 'exited' && /EAGAIN/.test(String(line['why'])));
      await farm.waitForLog((line) => line.event === 'throttled' || /EAGAIN/.test(String(line['why'])));
      const { accepted } = await sendMail({ port: farm.port, to: TO, count: 10 });
      assert.equal(accepted.length, 10, 'the other acceptor takes mail');
      assert.ok(isRunning(farm.pid) && isRunning(second.pid));
      const deaths = farm.logLines().filter((line) => line.event === 'exited').length;
      assert.ok(deaths < 40, `${deaths} deaths: no hot loop`);
      limit(1000);
      await farm.drained();
      assert.deepEqual(
        accepted.filter((id) => sink.counts().get(id) !== 1),
        [],
      );
      await waitFor(() => farm.workers('acceptor').length >= 2, { what: () => `two acceptors\n${farm.tail()}` });
    } finally {
      removeTemp(folders.root);
    }
  });
});

describe('the system, short of memory,', () => {
  it('kills the largest worker again and again, and no mail is lost', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({
      set: [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`, 'retry.times=[1s]'],
    });
    const ledger = emptyLedger();
    let stopped = false;
    const sending = sendMail({
      port: farm.port,
      to: TO,
      count: 1_000_000,
      sessions: 2,
      ledger,
      stopWhen: () => stopped,
    });
    for (let kills = 0; kills < 4; kills += 1) {
      const target = ledger.accepted.length + 20;
      await waitFor(() => ledger.accepted.length >= target, { what: () => `mail\n${farm.tail()}` });
      const [largest] = farm.workers().toSorted((a, b) => residentKib(b.pid) - residentKib(a.pid));
      assert.ok(largest);
      signal(largest.pid, 'SIGKILL');
      await waitFor(() => !isRunning(largest.pid));
    }
    stopped = true;
    await sending;
    await farm.drained();
    const counts = sink.counts();
    assert.deepEqual(
      ledger.accepted.filter((id) => !counts.has(id)),
      [],
      'nothing lost',
    );
  });

  it('finds no worker that grows with a message: a large one passes through a small heap', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({
      set: [
        `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
        ...['acceptor', 'router', 'smtp'].map((name) => `farms.${name}.memory=32MiB`),
      ],
    });
    const pids = (): number[] =>
      ['acceptor', 'router', 'smtp'].flatMap((name) => farm.workers(name).map(({ pid }) => pid));
    await farm.worker('smtp');
    const before = pids();
    const content = (id: string): string => makeContent(id, { size: 40_000_000 });
    const { accepted } = await sendMail({ port: farm.port, to: TO, count: 2, sessions: 2, content });
    assert.equal(accepted.length, 2);
    await farm.drained();
    assert.equal(sink.ledger.length, 2);
    assert.deepEqual(pids(), before, 'none died');
    for (const pid of before) assert.ok(peakKib(pid) < 220 * 1024, `${pid} grew to ${peakKib(pid)} KiB`);
  });
});

function statusField(pid: number, field: string): number {
  try {
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    // It ended while we looked.
    return 0;
  }
}

function residentKib(pid: number): number {
  return statusField(pid, 'VmRSS');
}

function peakKib(pid: number): number {
  return statusField(pid, 'VmHWM');
}
