/**
 * Workers killed at random under load: every message that was answered with 250 arrives, and none arrives that was not
 * sent. What may come twice is only what a killed process had under way. The seed of the killing is printed.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkLedgers } from '../../support/ledgers.ts';
import { makeFolders, startFarm, type Farm, type FarmOptions } from '../../support/farm.ts';
import { startRandom } from '../../support/random.ts';
import { signal } from '../../support/processes.ts';
import { emptyLedger, sendMail } from '../../support/send-mail.ts';
import { startSink, type Sink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const MESSAGES = Number(process.env['MAILFARM_STORY_MESSAGES'] ?? 5000);
const SESSIONS = 10;
const WORKERS_KILLED = 20;

function farmOptions(sink: Sink): FarmOptions {
  return {
    set: [
      `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
      'retry.times=[1s]',
      'farms.acceptor.least=2',
      'farms.smtp.least=2',
      'farms.router.least=2',
    ],
  };
}

/** Kills one random worker of these farms, again and again, while mail is sent. */
async function killWhile(
  farm: Farm,
  sending: Promise<unknown>,
  farms: readonly string[],
  kills: number,
): Promise<number> {
  const random = startRandom();
  let sent = false;
  void sending.finally(() => (sent = true)).catch(() => {});
  let killed = 0;
  while (!sent && killed < kills) {
    const candidates = farm.workers().filter((worker) => farms.includes(worker.farm));
    const victim = candidates[Math.floor(random() * candidates.length)];
    if (victim !== undefined) {
      signal(victim.pid, 'SIGKILL');
      killed += 1;
      // Wait until it is replaced, so that each kill meets a working farm.
      await waitFor(() => sent || farm.workers(victim.farm).some((worker) => worker.pid !== victim.pid), {
        what: () => `a new ${victim.farm}\n${farm.tail()}`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 100 * random()));
  }
  return killed;
}

describe('killed workers', () => {
  it(`lose none of ${MESSAGES} messages, whichever farm they are of`, async () => {
    await using sink = await startSink();
    await using farm = await startFarm(farmOptions(sink));
    const ledger = emptyLedger();
    const sending = sendMail({
      port: farm.port,
      to: ['bob@far.example'],
      count: MESSAGES,
      sessions: SESSIONS,
      ledger,
    });
    const killed = await killWhile(farm, sending, ['acceptor', 'router', 'smtp', 'log'], WORKERS_KILLED);
    await sending;
    await farm.drained();
    // A transport worker has at most 8 lanes with 2 jobs each under way.
    checkLedgers({ sink, ledger, underWay: killed * 16 });
  });

  it('lose nothing when the scheduler is killed, more than once', async () => {
    await using sink = await startSink();
    await using farm = await startFarm(farmOptions(sink));
    const ledger = emptyLedger();
    const sending = sendMail({
      port: farm.port,
      to: ['bob@far.example'],
      count: MESSAGES,
      sessions: SESSIONS,
      ledger,
    });
    const killed = await killWhile(farm, sending, ['scheduler'], 3);
    await sending;
    await farm.drained();
    assert.ok(killed >= 1);
    checkLedgers({ sink, ledger, underWay: killed * 32 });
  });

  it('lose nothing when everything is killed at once', async () => {
    const folders = makeFolders();
    try {
      await using sink = await startSink();
      const ledger = emptyLedger();
      {
        await using farm = await startFarm({ ...farmOptions(sink), folders });
        let killing: Promise<void> | undefined;
        await sendMail({
          port: farm.port,
          to: ['bob@far.example'],
          count: MESSAGES,
          sessions: SESSIONS,
          ledger,
          onAccepted: (count) => {
            if (count === Math.floor(MESSAGES / 2)) killing = farm.killAll();
          },
          stopWhen: () => killing !== undefined,
        });
        assert.ok(killing !== undefined, 'it was killed in the middle');
        await killing;
      }
      await using farm = await startFarm({ ...farmOptions(sink), folders });
      await farm.drained();
      checkLedgers({ sink, ledger, underWay: 64 });
    } finally {
      removeTemp(folders.root);
    }
  });
});
