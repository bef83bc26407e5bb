/** Folders of the queue that the farm may not enter or write into any more: later, loudly, without a hot loop; and all heals. */
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { makeFolders, startFarm, type Farm } from '../../support/farm.ts';
import { cpuMs, isRunning } from '../../support/processes.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink, type Sink } from '../../support/sink.ts';
import { SmtpSession } from '../../support/smtp-session.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';
import { makeStranger } from '../support/stranger.ts';

const LARGE = `Subject: large\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(2000)}`;
const TO = ['bob@far.example'];
const WATCHED_MS = 1000;

interface Rig {
  readonly farm: Farm;
  readonly sink: Sink;
  readonly refuse: (refuses: boolean) => void;
  /** Of a folder below var. */
  readonly chmod: (path: string, mode: number) => void;
}

async function asStranger(t: TestContext, work: (rig: Rig) => Promise<void>): Promise<void> {
  const folders = makeFolders();
  try {
    const stranger = makeStranger(folders);
    if (stranger === undefined) return t.skip('only root can become a user who is nobody else');
    let refuses = false;
    await using sink = await startSink({ onMail: () => (refuses ? '451 4.3.2 later' : undefined) });
    await using farm = await startFarm({
      folders,
      wrap: stranger.wrap,
      set: [
        `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,

        'retry.times=[1s]',
        'queue.inline=64KiB',
        'farms.acceptor.least=1',
        'farms.acceptor.most=1',
      ],
    });
    const chmod = (path: string, mode: number): void => chmodSync(join(folders.var, path), mode);
    await work({ farm, sink, refuse: (value) => void (refuses = value), chmod });
  } finally {
    removeTemp(folders.root);
  }
}

async function answer(port: number, id: string, large: boolean): Promise<number> {
  const session = await SmtpSession.open(port);
  const content = `X-Test-Id: ${id}\r\n${large ? LARGE : '\r\nsmall\r\n'}`;
  const { code } = await session.send('sender@test.example', TO, content);
  session.quit();
  return code;
}

/** Share of a core that the whole farm uses. */
async function load(farm: Farm): Promise<number> {
  const pids = [farm.pid, ...farm.workers().map((worker) => worker.pid)];
  const before = pids.map((pid) => (isRunning(pid) ? cpuMs(pid) : 0));
  await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
  // One that ended meanwhile is in no loop.
  const used = pids.map((pid, at) => (isRunning(pid) ? cpuMs(pid) - (before[at] ?? 0) : 0));
  return used.reduce((sum, ms) => sum + ms, 0) / WATCHED_MS;
}

describe('a folder that may not be written to', () => {
  it('is a 451 for what needs it, in the log, and no hot loop', (t) =>
    asStranger(t, async ({ farm, sink, chmod }) => {
      const pids = (): number[] => farm.workers('acceptor').map((worker) => worker.pid);
      const before = pids();
      for (const [folder, large] of [
        ['queue/journal', false],
        ['queue/tmp', true],
        ['queue/mess', true],
      ] as const) {
        chmod(folder, 0o500);
        const code = await answer(farm.port, `refused-${folder}`, large);
        assert.equal(code, 451, `${folder}\n${farm.tail()}`);
        await farm.waitForLog((line) => line.level === 'error' && String(line['why']).includes('EACCES'));
        assert.ok((await load(farm)) < 0.5, `no hot loop about ${folder}`);
        chmod(folder, 0o700);
        assert.equal(await answer(farm.port, `after-${folder}`, large), 250, `heals\n${farm.tail()}`);
      }
      await farm.drained();
      assert.deepEqual([...sink.counts().keys()].toSorted(), [
        'after-queue/journal',
        'after-queue/mess',
        'after-queue/tmp',
      ]);
      assert.deepEqual(pids(), before, 'no acceptor died');
    }));

  it('keeps outcomes that cannot be written down, and what they end', (t) =>
    asStranger(t, async ({ farm, sink, chmod }) => {
      chmod('queue/outcome', 0o500);
      const { accepted } = await sendMail({ port: farm.port, to: TO, count: 20, sessions: 2 });
      await farm.waitForLog((line) => line.level === 'error' && line.event === 'outcome-journal');
      assert.ok((await load(farm)) < 0.5, 'no hot loop');
      assert.notEqual(await farm.queued(), 0);
      chmod('queue/outcome', 0o700);
      await farm.drained();
      const counts = sink.counts();
      assert.deepEqual(
        accepted.filter((id) => counts.get(id) !== 1),
        [],
        'each once',
      );
    }));
});

describe('a folder that may not be entered', () => {
  it('puts off the mail in it: it is neither lost nor taken for damaged', (t) =>
    asStranger(t, async ({ farm, sink, refuse, chmod }) => {
      refuse(true);
      const { accepted } = await sendMail({
        port: farm.port,
        to: TO,
        count: 5,
        content: (id) => `X-Test-Id: ${id}\r\n${LARGE}`,
      });
      await farm.waitForLog((line) => line.event === 'attempt' && line['state'] === 'deferred');
      chmod('queue/mess', 0);
      refuse(false);
      await farm.waitForLog((line) => line.level === 'error' && line.event === 'unreadable');
      assert.ok((await load(farm)) < 0.5, 'no hot loop');
      chmod('queue/mess', 0o700);
      await waitFor(() => accepted.every((id) => sink.counts().get(id) === 1), { what: () => `all\n${farm.tail()}` });
      await farm.drained();
      const corrupt = farm.logLines().filter((line) => line.event === 'corrupt');
      assert.deepEqual(corrupt, []);
    }));
});
