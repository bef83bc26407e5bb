/** What one stage tells the next gets lost, or cannot be told: mail that was accepted is found all the same, without a restart. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startFarm, type Farm } from '../../support/farm.ts';
import { isRunning, signal } from '../../support/processes.ts';
import { sendMail } from '../../support/send-mail.ts';
import { makeTestClock } from '../../support/shims/clock.ts';
import { startSink, type Sink } from '../../support/sink.ts';
import { waitFor } from '../../support/wait.ts';

const TO = ['bob@far.example'];
const LOSSY = new URL('../../support/shims/lost-frames.mjs', import.meta.url).href;

function settings(sink: Sink, ...more: readonly string[]): string[] {
  return [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`, 'retry.times=[1s]', ...more];
}

async function expectOnce(farm: Farm, sink: Sink, ids: readonly string[]): Promise<void> {
  await waitFor(() => ids.every((id) => sink.counts().has(id)), { what: () => `all mail\n${farm.tail()}` });
  await farm.drained();
  assert.deepEqual(
    ids.filter((id) => sink.counts().get(id) !== 1),
    [],
  );
}

/** No segment of the journal gets records any more. */
function areSealed(farm: Farm): boolean {
  const journal = join(farm.var, 'queue', 'journal');
  return readdirSync(journal).every((name) => readFileSync(join(journal, name), 'latin1').includes('"end":'));
}

describe('mail that was accepted', () => {
  it('is found again by a look that the farm takes from time to time, after nobody was told of it', async () => {
    await using sink = await startSink();
    const clock = makeTestClock();
    await using farm = await startFarm({
      env: { ...clock.env, NODE_OPTIONS: `${clock.env['NODE_OPTIONS']} --import=${LOSSY}` },
      set: settings(sink, 'queue.inline=64KiB', 'queue.segmentAge=1s', 'farms.acceptor.drain=1s'),
    });
    const large = (id: string): string => `X-Test-Id: ${id}\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(2000)}`;
    // The injector of the start would find what comes in meanwhile.
    await farm.waitForLog((line) => line.event === 'injection-done');
    const from = 'lost@test.example';
    const small = await sendMail({ port: farm.port, from, to: TO, count: 5, prefix: 'small' });
    const files = await sendMail({ port: farm.port, from, to: TO, count: 5, prefix: 'large', content: large });
    const told = await sendMail({ port: farm.port, to: TO, count: 5, prefix: 'told' });
    await waitFor(() => told.accepted.every((id) => sink.counts().has(id)), { what: () => `mail\n${farm.tail()}` });
    assert.equal(sink.ledger.length, 5, 'nobody knows of the others');
    const looks = (): number =>
      farm.logLines().filter((line) => line.event === 'injection-done' && line['mode'] === 'look').length;
    assert.equal(looks(), 0);
    // A look leaves alone what is in an open segment.
    await waitFor(() => areSealed(farm), { what: () => `closed segments\n${farm.tail()}` });
    clock.lapse(26 * 60_000);
    await expectOnce(farm, sink, [...small.accepted, ...files.accepted, ...told.accepted]);
    clock.lapse(26 * 60_000);
    await waitFor(() => looks() === 2, { what: () => `a second look\n${farm.tail()}` });
    assert.equal(sink.ledger.length, 15, 'and nothing was sent twice for it');
  });

  it('waits for a router, and for its scheduler, that are not there', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({
      set: settings(
        sink,
        'farms.router.least=1',
        'farms.router.most=1',
        'farms.acceptor.least=1',
        'farms.acceptor.most=1',
      ),
    });
    const router = await farm.worker('router');
    signal(router.pid, 'SIGSTOP');
    const first = await sendMail({ port: farm.port, to: TO, count: 5, prefix: 'first' });
    const acceptor = await farm.worker('acceptor');
    // With it goes all that it had not handed on.
    signal(acceptor.pid, 'SIGKILL');
    signal(router.pid, 'SIGKILL');
    await waitFor(() => !isRunning(acceptor.pid) && !isRunning(router.pid));
    await waitFor(() => farm.workers('acceptor').some((worker) => worker.pid !== acceptor.pid));
    signal((await farm.worker('scheduler')).pid, 'SIGKILL');
    const second = await sendMail({ port: farm.port, to: TO, count: 5, prefix: 'second' });
    await expectOnce(farm, sink, [...first.accepted, ...second.accepted]);
  });

  it('finds its way though somebody removed the sockets of all farms', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({ set: settings(sink) });
    const before = await sendMail({ port: farm.port, to: TO, count: 5, prefix: 'before' });
    for (const name of ['log', 'scheduler', 'router', 'smtp', 'maildir', 'bounce', 'control']) {
      rmSync(join(farm.var, 'run', `${name}.sock`), { force: true });
    }
    // Whoever lives is connected; those that come now are not.
    for (const name of ['acceptor', 'router', 'smtp']) {
      for (const { pid } of farm.workers(name)) signal(pid, 'SIGKILL');
    }
    const after = await sendMail({ port: farm.port, to: TO, count: 5, prefix: 'after' });
    await expectOnce(farm, sink, [...before.accepted, ...after.accepted]);
    await farm.waitForLog((line) => line.event === 'socket-restored' && line.farm === 'scheduler');
    await waitFor(async () => (await farm.command('mailfarm', ['status'])).status === 0, {
      what: () => `the control socket\n${farm.tail()}`,
    });
  });
});
