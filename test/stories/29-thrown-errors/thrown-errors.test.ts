/** A bug in any role (an exception that nobody catches, a rejection that nobody handles, a crash): that process ends and is replaced, nothing is lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startFarm } from '../../support/farm.ts';
import type { LogLine } from '../../support/log-lines.ts';
import { isRunning, signal } from '../../support/processes.ts';
import { emptyLedger, sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { waitFor } from '../../support/wait.ts';

const ROLES = ['acceptor', 'filter', 'router', 'scheduler', 'smtp', 'log'];
const PLANT = new URL('throw-on-signal.mjs', import.meta.url).href;

async function strike(name: NodeJS.Signals, isEnd: (line: LogLine) => boolean): Promise<void> {
  await using sink = await startSink();
  await using farm = await startFarm({
    env: { NODE_OPTIONS: `--import=${PLANT}` },
    set: [
      `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
      'listen.0.filters=[structure]',
      'retry.times=[1s]',
      'farms.filter.least=1',
    ],
  });
  const ledger = emptyLedger();
  let stopped = false;
  const sending = sendMail({
    port: farm.port,
    to: ['bob@far.example'],
    count: 1_000_000,
    sessions: 2,
    ledger,
    stopWhen: () => stopped,
  });
  for (const role of ROLES) {
    const { pid } = await farm.worker(role);
    signal(pid, name);
    await waitFor(() => !isRunning(pid), { what: () => `the end of ${role}\n${farm.tail()}` });
    await waitFor(() => farm.workers(role).some((worker) => worker.pid !== pid), {
      what: () => `a new ${role}\n${farm.tail()}`,
    });
    const target = ledger.accepted.length + 20;
    await waitFor(() => ledger.accepted.length >= target, { what: () => `mail after ${role}\n${farm.tail()}` });
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
  const twice = [...counts.values()].filter((count) => count > 1).length;
  assert.ok(twice <= 16, `${twice} twice: more than one transport worker has under way`);
  // The end of the log itself may be what it took with it.
  for (const role of ROLES.filter((one) => one !== 'log')) {
    await farm.waitForLog((line) => line.event === 'exited' && line.farm === role && isEnd(line));
  }
}

describe('a bug', () => {
  it('that throws costs its process, with status 70, and no message', () =>
    strike('SIGUSR2', (line) => line['code'] === 70));

  it('that crashes costs its process and no message', () => strike('SIGSEGV', (line) => line['signal'] === 'SIGSEGV'));
});
