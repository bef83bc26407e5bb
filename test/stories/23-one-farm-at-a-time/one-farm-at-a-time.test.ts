/** Each farm is restarted alone while mail flows through it, and stays within its bounds. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startFarm, type Farm } from '../../support/farm.ts';
import { countMaildir } from '../../support/maildir.ts';
import { signal } from '../../support/processes.ts';
import { emptyLedger, sendMail, type SenderLedger } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { waitFor } from '../../support/wait.ts';

const FARMS = ['acceptor', 'filter', 'router', 'scheduler', 'smtp', 'maildir', 'log'];

async function restart(farm: Farm, name: string, ledger: SenderLedger): Promise<void> {
  const { pid } = await farm.worker(name);
  const others = farm.workers().filter((worker) => worker.farm !== name && FARMS.includes(worker.farm));
  signal(pid, 'SIGTERM');
  await waitFor(() => farm.workers(name).length > 0 && farm.workers(name).every((worker) => worker.pid !== pid), {
    what: () => `a new ${name}\n${farm.tail()}`,
  });
  const target = ledger.accepted.length + 30;
  await waitFor(() => ledger.accepted.length >= target, { what: () => `mail after ${name}\n${farm.tail()}` });
  if (name === 'scheduler') {
    // Its transports are replaced with it; until they are, the next farm's restart would not be the only one.
    const lanes = new Set(others.filter((one) => ['smtp', 'maildir'].includes(one.farm)).map(({ pid: lane }) => lane));
    await waitFor(() => !farm.workers().some((worker) => lanes.has(worker.pid)), { what: () => farm.tail() });
    return;
  }
  const now = new Set(farm.workers().map((worker) => worker.pid));
  assert.deepEqual(
    others.filter((worker) => !now.has(worker.pid)),
    [],
    `only ${name} was restarted`,
  );
}

describe('while mail flows', () => {
  it('any one farm is restarted: the others stay, nothing is lost, doubled or refused', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({
      set: [
        `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${sink.port}"}]`,
        'domains.local=[localhost]',
        'listen.0.filters=[structure]',
        ...['filter', 'smtp', 'maildir', 'router'].flatMap((name) => [`farms.${name}.least=1`, `farms.${name}.most=1`]),
        'farms.acceptor.least=2',
        'farms.acceptor.most=2',
      ],
    });
    const ledger = emptyLedger();
    let stopped = false;
    const sending = sendMail({
      port: farm.port,
      to: ['anna@localhost', 'bob@far.example'],
      count: 1_000_000,
      sessions: 2,
      perSession: 20,
      ledger,
      stopWhen: () => stopped,
    });
    for (const name of FARMS) await restart(farm, name, ledger);
    stopped = true;
    await sending;
    await farm.drained();
    const counts = sink.counts();
    assert.deepEqual(
      ledger.accepted.filter((id) => counts.get(id) !== 1),
      [],
      'each exactly once',
    );
    assert.equal(countMaildir(join(farm.var, 'mail', 'localhost', 'anna')), ledger.accepted.length);
    assert.deepEqual([ledger.refused.length, ledger.unsure.length], [0, 0]);
  });
});

describe('a farm', () => {
  it('has its least at the start, grows by need, and never has more than its most', async () => {
    let held: (() => void)[] = [];
    const wait = (): Promise<undefined> => new Promise((resolve) => held.push(() => resolve(undefined)));
    let hold = true;
    await using sink = await startSink({ onData: () => (hold ? wait() : undefined) });
    await using farm = await startFarm({
      set: [
        `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
        'farms.smtp.least=0',
        'farms.smtp.most=3',
        'farms.router.least=2',
        'farms.router.most=4',
        'lanes.start=8',
      ],
    });
    assert.equal(farm.workers('smtp').length, 0);
    assert.equal(farm.workers('router').length, 2);
    let most = 0;
    const to = (n: number): readonly string[] => [`bob@far-${n}.example`];
    const { accepted } = await sendMail({ port: farm.port, to, count: 60, sessions: 2 });
    await waitFor(() => held.length >= 8, { what: () => `eight deliveries under way\n${farm.tail()}` });
    for (let n = 0; n < 20; n += 1) {
      most = Math.max(most, farm.workers('smtp').length);
      await new Promise((resolve) => setImmediate(resolve));
    }
    hold = false;
    for (const go of held) go();
    held = [];
    await farm.drained();
    assert.equal(sink.counts().size, accepted.length);
    most = Math.max(most, farm.workers('smtp').length);
    assert.ok(most >= 1 && most <= 3, `${most} smtp workers`);
    assert.ok(farm.workers('router').length <= 4);
  });
});
