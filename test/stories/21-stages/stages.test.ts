/** The stages as the system sees them: processes of their own under telling names, which pass handles and never content. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startFarm, type Farm } from '../../support/farm.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink, type Sink } from '../../support/sink.ts';
import { waitFor } from '../../support/wait.ts';
import { attach, NO_STRACE } from '../support/strace.ts';

const EACH = ['acceptor', 'bounce', 'filter', 'lmtp', 'maildir', 'router', 'smtp'];

/** A farm in which every stage has a worker, so that mail to both sides passes them all. */
function startWhole(sink: Sink): Promise<Farm> {
  return startFarm({
    set: [
      `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${sink.port}"}]`,
      'domains.local=[localhost]',
      'listen.0.filters=[structure]',
      ...EACH.flatMap((name) => [`farms.${name}.least=1`, `farms.${name}.most=1`]),
    ],
  });
}

function parentOf(pid: number): number {
  return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function childrenOf(pid: number): string {
  return readdirSync(`/proc/${pid}/task`)
    .map((tid) => readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8'))
    .join('')
    .trim();
}

describe('the stages', () => {
  it('are processes of their own, named by title, socket and log, all children of the supervisor alone', async () => {
    await using sink = await startSink();
    await using farm = await startWhole(sink);
    await farm.waitForLog((line) => line.event === 'injection-done');
    await waitFor(() => farm.workers('injector').length === 0, { what: 'the injector to exit' });
    const workers = farm.workers();
    const names = workers.map((worker) => worker.name).toSorted();
    assert.deepEqual(names, [...EACH, 'log', 'scheduler'].map((name) => `${name}-1`).toSorted());
    assert.equal(new Set(workers.map((worker) => worker.pid)).size, workers.length);
    assert.match(readFileSync(`/proc/${farm.pid}/cmdline`, 'latin1'), /^mailfarm: supervisor/);
    for (const { pid, name } of workers) {
      assert.equal(parentOf(pid), farm.pid, name);
      assert.equal(childrenOf(pid), '', `${name} has no children`);
    }
    const sockets = readdirSync(join(farm.var, 'run')).filter((name) => name.endsWith('.sock'));
    for (const { farm: name } of workers) if (name !== 'acceptor') assert.ok(sockets.includes(`${name}.sock`), name);
    await sendMail({ port: farm.port, to: ['anna@localhost', 'bob@far.example'], count: 5 });
    await farm.drained();
    const logged = new Set(farm.logLines().map((line) => line.farm));
    for (const name of ['acceptor', 'router', 'scheduler', 'smtp', 'maildir', 'injector']) {
      assert.ok(logged.has(name), `${name} has lines in the log`);
    }
  });

  it('never see content on a socket between them', { skip: NO_STRACE }, async () => {
    await using sink = await startSink();
    await using farm = await startWhole(sink);
    // It would end while it is traced.
    await farm.waitForLog((line) => line.event === 'injection-done');
    await waitFor(() => farm.workers('injector').length === 0, { what: 'the injector to exit' });
    const token = `only-in-content-${Date.now()}`;
    const calls = 'trace=write,writev,pwrite64,pwritev,pwritev2,sendmsg,sendto';
    const pids = farm.workers().map((worker) => worker.pid);
    using tracing = await attach(pids, ['-yy', '-s', '200000', '-e', calls], join(farm.folders.root, 'calls'));
    const content = (id: string): string => `X-Test-Id: ${id}\r\nSubject: ${token}\r\n\r\nbody ${token}\r\n`;
    await sendMail({ port: farm.port, to: ['anna@localhost', 'bob@far.example', 'no@nowhere.invalid'], content });
    await waitFor(() => sink.ledger.length === 1, { what: () => `delivery\n${farm.tail()}` });
    await farm.waitForLog((line) => line.event === 'attempt' && line.farm === 'maildir');
    const lines = await tracing.stop();
    const carriers = lines.filter((line) => line.includes(token));
    assert.ok(
      carriers.some((line) => line.includes('/queue/journal/')),
      'the queue has it',
    );
    assert.ok(
      carriers.some((line) => line.includes('TCP')),
      'the next hop gets it',
    );
    assert.deepEqual(
      carriers.filter((line) => /<UNIX|<socket:/.test(line)),
      [],
    );
    assert.ok(
      lines.some((line) => /<UNIX.*"handle|<UNIX.*\\"handle/.test(line)),
      'handles pass',
    );
  });
});
