/**
 * Many messages of many kinds while any process may be killed at any instant: workers, the scheduler, the supervisor, and all
 * at once. Nothing that was answered with 250 is lost, for any of its recipients.
 *
 * MAILFARM_STRESS_MESSAGES sets their number (20,000), MAILFARM_SEED the order of the killing.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeFolders, startFarm, type Farm, type FarmOptions } from '../support/farm.ts';
import { checkLedgers } from '../support/ledgers.ts';
import { signal } from '../support/processes.ts';
import { startRandom } from '../support/random.ts';
import { emptyLedger, sendMail } from '../support/send-mail.ts';
import { startSink } from '../support/sink.ts';
import { removeTemp } from '../support/temp.ts';

const MESSAGES = Number(process.env['MAILFARM_STRESS_MESSAGES'] ?? 20_000);
const MEMBERS = Array.from({ length: 8 }, (_, n) => `member${n}@far.example`);
const MINUTES = 60_000;

/** One recipient, several, or a list. */
function recipients(n: number): readonly string[] {
  if (n % 10 === 0) return ['list@localhost'];
  return n % 7 === 0 ? ['one@far.example', 'two@far.example', 'later@far.example'] : ['one@far.example'];
}

function copiesOf(id: string): readonly string[] {
  const to = recipients(Number(id.split('-').at(-1)));
  return (to[0] === 'list@localhost' ? MEMBERS : to).map((one) => `${id} ${one}`);
}

function options(port: number, more: Partial<FarmOptions>): FarmOptions {
  return {
    ...more,
    set: [
      `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${port}"}]`,
      'domains.local=[localhost]',
      'retry.times=[1s]',
      'queue.segment=1MiB',
      'queue.segmentAge=2s',
      'queue.linger=3s',
      'farms.acceptor.most=2',
      'farms.acceptor.least=2',
    ],
    etc: { aliases: `list: ${MEMBERS.join(', ')}\n` },
  };
}

/** Mostly one worker; now and then the supervisor, or everything. True when a new supervisor is needed. */
async function killSomething(farm: Farm, random: () => number): Promise<boolean> {
  const dice = random();
  if (dice < 0.03) {
    await farm.killAll();
    return true;
  }
  if (dice < 0.06) {
    await farm.kill();
    return true;
  }
  const workers = farm.workers();
  const victim = workers[Math.floor(random() * workers.length)];
  if (victim !== undefined) signal(victim.pid, 'SIGKILL');
  return false;
}

describe('any process killed at any instant', () => {
  it(`loses none of ${MESSAGES} messages`, { timeout: 20 * MINUTES }, async () => {
    const random = startRandom();
    const refused = new Map<string, number>();
    await using sink = await startSink({
      onRcpt: (to) => {
        if (to !== 'later@far.example') return undefined;
        refused.set(to, (refused.get(to) ?? 0) + 1);
        return (refused.get(to) ?? 0) % 3 === 0 ? '450 4.2.1 busy' : undefined;
      },
    });
    const folders = makeFolders();
    let farm = await startFarm(options(sink.port, { folders }));
    try {
      const { port } = farm;
      const ledger = emptyLedger();
      let sent = false;
      let kills = 0;
      const sending = sendMail({
        port,
        to: recipients,
        count: MESSAGES,
        sessions: 10,
        perSession: 500,
        ledger,
        deadline: 15 * MINUTES,
      }).finally(() => (sent = true));
      while (!sent) {
        await new Promise((resolve) => setTimeout(resolve, 300 * random()));
        kills += 1;
        if (!(await killSomething(farm, random))) continue;
        await farm.workersGone();
        farm = await startFarm(options(sink.port, { folders, listen: [`127.0.0.1:${port}`] }));
      }
      await sending;
      await farm.drained(5 * MINUTES);
      console.log(`${kills} kills`);
      const copies = sink.copies();
      assert.deepEqual(
        ledger.accepted.flatMap(copiesOf).filter((copy) => !copies.has(copy)),
        [],
        'lost copies',
      );
      checkLedgers({ sink, ledger, underWay: kills * 16 });
    } finally {
      await farm[Symbol.asyncDispose]();
      removeTemp(folders.root);
    }
  });
});
