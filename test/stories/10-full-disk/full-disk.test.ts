/** A full disk: new mail hears 452, mail that is there is delivered, and all heals by itself when there is space again. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AS_OURSELVES, makeFolders, startFarm } from '../../support/farm.ts';
import { emptyLedger, sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { SmtpSession } from '../../support/smtp-session.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';
import { mountSmall } from '../support/small-disk.ts';

const MIB = 1024 * 1024;

/** The answer to MAIL, in a session of its own. */
async function answerToMail(port: number): Promise<number> {
  const session = await SmtpSession.open(port);
  const { code } = await session.say('MAIL FROM:<sender@test.example>');
  session.quit();
  return code;
}

describe('too little space', () => {
  it('is answered with 452 at MAIL until there is more', async (t) => {
    await using farm = await startFarm();
    const { bavail, bsize } = statfsSync(farm.var);
    const free = bavail * bsize;
    if (free < 6144 * MIB) return t.skip('less than 6 GiB are free');
    await farm.stop();
    // Space that others use meanwhile must not decide this test: a gibibyte of tolerance on both sides.
    await using tight = await startFarm({ set: [`queue.freeSpace=${Math.floor(free - 1024 * MIB)}`] });
    assert.equal(await answerToMail(tight.port), 250);
    const filler = join(tight.folders.root, 'filler');
    execFileSync('fallocate', ['-l', String(2048 * MIB), filler]);
    await waitFor(async () => (await answerToMail(tight.port)) === 452, { what: () => `452\n${tight.tail()}` });
    rmSync(filler);
    await waitFor(async () => (await answerToMail(tight.port)) === 250, { what: () => `250\n${tight.tail()}` });
    assert.deepEqual((await sendMail({ port: tight.port, to: ['anna@localhost'] })).accepted, ['m-0']);
    await tight.drained();
  });
});

describe('a disk that is full to the last byte', () => {
  it('costs no message and no process, and heals', async (t) => {
    const folders = makeFolders();
    const unmount = mountSmall(folders, 'size=24m');
    if (unmount === undefined) return t.skip('mounting is not allowed');
    try {
      await using sink = await startSink();
      await using farm = await startFarm({
        folders,
        set: [
          `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
          'queue.freeSpace=0',
          'queue.freeInodes=0',
          'queue.segment=1MiB',
          'retry.times=[1s]',
          ...AS_OURSELVES,
        ],
      });
      const ledger = emptyLedger();
      const pids = (): string =>
        farm
          .workers('acceptor')
          .map((worker) => worker.pid)
          .join();
      const before = pids();
      let stopped = false;
      const sending = sendMail({
        port: farm.port,
        to: ['bob@far.example'],
        count: 2000,
        sessions: 4,
        ledger,
        stopWhen: () => stopped,
      });
      await waitFor(() => ledger.accepted.length > 50);
      fill(join(folders.var, 'filler'));
      await waitFor(() => ledger.setbacks > 20, { what: () => `refusals for now\n${farm.tail()}` });
      assert.deepEqual(ledger.refused, [], 'nothing is refused for good');
      rmSync(join(folders.var, 'filler'));
      const healed = ledger.accepted.length;
      await waitFor(() => ledger.accepted.length > healed + 50, { what: () => `mail taken again\n${farm.tail()}` });
      stopped = true;
      await sending;
      await farm.drained();
      const counts = sink.counts();
      assert.deepEqual(
        ledger.accepted.filter((id) => !counts.has(id)),
        [],
        'nothing lost',
      );
      assert.equal(pids(), before, 'no acceptor died');
    } finally {
      unmount();
      removeTemp(folders.root);
    }
  });
});

/** Writes until nothing more fits. */
function fill(path: string): void {
  for (let size = MIB; size >= 512; size /= 2) {
    const chunk = Buffer.alloc(size);
    try {
      for (;;) writeFileSync(path, chunk, { flag: 'a' });
    } catch {
      // Full at this size: go on with smaller pieces.
    }
  }
}
