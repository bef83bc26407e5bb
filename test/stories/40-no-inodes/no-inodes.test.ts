/** A disk without inodes left: new mail hears 452 at MAIL, mail that is there is delivered, and all heals by itself. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { AS_OURSELVES, makeFolders, startFarm, type Farm } from '../../support/farm.ts';
import { countMaildir } from '../../support/maildir.ts';
import { emptyLedger, sendMail } from '../../support/send-mail.ts';
import { startSink, type Sink } from '../../support/sink.ts';
import { SmtpSession } from '../../support/smtp-session.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';
import { mountSmall } from '../support/small-disk.ts';

const INODES = 2000;

interface Rig {
  readonly farm: Farm;
  readonly sink: Sink;
  readonly later: (later: boolean) => void;
  /** Takes inodes until so many are left, or gives all back. */
  readonly take: (left: number) => void;
  readonly giveBack: () => void;
}

async function onFewInodes(t: TestContext, floor: number, work: (rig: Rig) => Promise<void>): Promise<void> {
  const folders = makeFolders();
  const unmount = mountSmall(folders, `size=64m,nr_inodes=${INODES}`);
  if (unmount === undefined) return t.skip('mounting is not allowed');
  try {
    let refuses = false;
    await using sink = await startSink({
      onMail: (from) => (refuses && from !== '' ? '451 4.3.2 later' : undefined),
      onRcpt: (to) => (to.startsWith('gone') ? '550 5.1.1 nobody' : undefined),
    });
    await using farm = await startFarm({
      folders,
      set: [
        `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
        'domains.local=[localhost]',
        'queue.freeSpace=0',
        'queue.inline=64KiB',
        `queue.freeInodes=${floor}`,
        'retry.times=[1s]',
        ...AS_OURSELVES,
      ],
    });
    const filler = join(folders.var, 'filler');
    const take = (left: number): void => {
      mkdirSync(filler);
      for (let n = 0; statfsSync(folders.var).ffree > left; n += 1) writeFileSync(join(filler, String(n)), '');
    };
    const giveBack = (): void => rmSync(filler, { recursive: true });
    await work({ farm, sink, later: (value) => void (refuses = value), take, giveBack });
  } finally {
    unmount();
    removeTemp(folders.root);
  }
}

async function answerToMail(port: number): Promise<number> {
  const session = await SmtpSession.open(port);
  const { code } = await session.say('MAIL FROM:<sender@test.example>');
  session.quit();
  return code;
}

describe('too few inodes', () => {
  it('are answered with 452 at MAIL until there are more; what is queued goes on meanwhile', (t) =>
    onFewInodes(t, 400, async ({ farm, sink, later, take, giveBack }) => {
      later(true);
      const to = ['bob@far.example', 'gone@far.example'];
      const queued = await sendMail({ port: farm.port, from: 'anna@localhost', to, count: 5, prefix: 'queued' });
      await farm.waitForLog((line) => line.event === 'attempt' && line['state'] === 'deferred');
      take(300);
      await waitFor(async () => (await answerToMail(farm.port)) === 452, { what: () => `452\n${farm.tail()}` });
      later(false);
      await waitFor(() => queued.accepted.every((id) => sink.counts().has(id)), {
        what: () => `what was queued\n${farm.tail()}`,
      });
      const bounces = (): number => countMaildir(join(farm.var, 'mail', 'localhost', 'anna'));
      await waitFor(() => bounces() === 5, { what: () => `bounces, which need room too\n${farm.tail()}` });
      assert.equal(await answerToMail(farm.port), 452, 'still');
      giveBack();
      await waitFor(async () => (await answerToMail(farm.port)) === 250, { what: () => `250\n${farm.tail()}` });
      await farm.drained();
    }));
});

describe('a disk without any inode', () => {
  it('costs no message and no acceptor, and heals', (t) =>
    onFewInodes(t, 0, async ({ farm, sink, take, giveBack }) => {
      const ledger = emptyLedger();
      const pids = (): number[] => farm.workers('acceptor').map((worker) => worker.pid);
      const before = pids();
      let stopped = false;
      // Larger than what a journal takes: each needs an inode of its own.
      const content = (id: string): string => `X-Test-Id: ${id}\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(2000)}`;
      const sending = sendMail({
        port: farm.port,
        to: ['bob@far.example'],
        count: 1_000_000,
        sessions: 2,
        content,
        ledger,
        stopWhen: () => stopped,
      });
      await waitFor(() => ledger.accepted.length > 10);
      take(0);
      await waitFor(() => ledger.setbacks > 5, { what: () => `refusals for now\n${farm.tail()}` });
      assert.deepEqual(ledger.refused, [], 'nothing is refused for good');
      giveBack();
      const healed = ledger.accepted.length;
      await waitFor(() => ledger.accepted.length > healed + 10, { what: () => `mail taken again\n${farm.tail()}` });
      stopped = true;
      await sending;
      await farm.drained();
      const counts = sink.counts();
      const lost = ledger.accepted.filter((id) => !counts.has(id));
      assert.deepEqual(lost, [], 'nothing lost');
      assert.deepEqual(pids(), before, 'no acceptor died');
    }));
});
