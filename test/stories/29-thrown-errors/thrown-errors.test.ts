/** A bug in any role (an exception that nobody catches, a rejection that nobody handles, a crash): that process ends and is replaced, nothing is lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startFarm } from '../../support/farm.ts';
import { isRunning, signal } from '../../support/processes.ts';
import { emptyLedger, sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { waitFor } from '../../support/wait.ts';

const ROLES = ['acceptor', 'filter', 'router', 'scheduler', 'smtp', 'log'];
const PLANT = new URL('throw-on-signal.mjs', import.meta.url).href;

async function strike(name: NodeJS.Signals, statusOf: (line: string) => boolean): Promise<void> {
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
    deadline: 120_000,
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
  const ends = farm.logLines().filter((line) => statusOf(JSON.stringify(line)));
  assert.ok(ends.length >= ROLES.length - 1, `${ends.length} ends in the log\n${farm.tail()}`);
}

describe('a bug', () => {
  it('that throws costs its process, with status 70, and no message', () =>
    strike('SIGUSR2', (line) => /\b70\b/.test(line)));

  it('that crashes costs its process and no message', () => strike('SIGSEGV', (line) => line.includes('SIGSEGV')));
});
