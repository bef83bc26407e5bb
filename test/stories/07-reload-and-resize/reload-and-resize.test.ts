/** Farms are reloaded, resized and recycled while mail comes in: no port closes, no session is dropped, nothing is lost. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startFarm, type Farm } from '../../support/farm.ts';
import { emptyLedger, sendMail, type SenderLedger } from '../../support/send-mail.ts';
import { startSink, type Sink } from '../../support/sink.ts';
import { waitFor } from '../../support/wait.ts';
import { findFreePorts } from '../support/free-ports.ts';

/** Sends until told to stop; resolves when all is delivered. */
function keepSending(farm: Farm): { readonly ledger: SenderLedger; stop(): Promise<void> } {
  const ledger = emptyLedger();
  let stopped = false;
  const sending = sendMail({
    port: farm.port,
    to: ['bob@far.example'],
    count: 1_000_000,
    sessions: 5,
    perSession: 50,
    ledger,
    stopWhen: () => stopped,
  });
  const stop = async (): Promise<void> => {
    stopped = true;
    await sending;
    await farm.drained();
  };
  return { ledger, stop };
}

/** Waits until so many more were accepted: the farm works on. */
function waitForMore(farm: Farm, ledger: SenderLedger, more = 50): Promise<unknown> {
  const target = ledger.accepted.length + more;
  return waitFor(() => ledger.accepted.length >= target, { what: () => `${more} more accepted\n${farm.tail()}` });
}

function checkAll(sink: Sink, ledger: SenderLedger): void {
  const counts = sink.counts();
  assert.deepEqual(
    ledger.accepted.filter((id) => counts.get(id) !== 1),
    [],
    'each exactly once',
  );
  assert.deepEqual(ledger.unsure, []);
  assert.equal(ledger.setbacks, 0, 'no connection was refused or dropped');
  assert.equal(ledger.dismissals, 0, 'no session was asked to go');
}

function toSink(sink: Sink): string {
  return `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`;
}

describe('under load', () => {
  it('SIGHUP reloads, again and again', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({ set: [toSink(sink)] });
    const load = keepSending(farm);
    await waitForMore(farm, load.ledger);
    for (let n = 1; n <= 3; n += 1) {
      const before = new Set(farm.workers('acceptor').map((worker) => worker.pid));
      farm.signal('SIGHUP');
      await waitFor(() => farm.workers('acceptor').some((worker) => !before.has(worker.pid)), {
        what: () => `new acceptors\n${farm.tail()}`,
      });
      await waitForMore(farm, load.ledger);
    }
    await load.stop();
    checkAll(sink, load.ledger);
  });

  it('a farm grows and shrinks', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({ set: [toSink(sink), 'farms.acceptor.least=1', 'farms.acceptor.most=4'] });
    const load = keepSending(farm);
    await waitForMore(farm, load.ledger);
    for (const size of [4, 1, 2]) {
      const ran = await farm.command('mailfarm', ['resize', 'acceptor', String(size)]);
      assert.equal(ran.status, 0, ran.stderr);
      await waitFor(() => farm.workers('acceptor').length === size, {
        what: () => `${size} acceptors, there are ${farm.workers('acceptor').length}\n${farm.tail()}`,
      });
      await waitForMore(farm, load.ledger);
    }
    await load.stop();
    checkAll(sink, load.ledger);
  });

  it('workers are recycled after so many jobs', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({
      set: [toSink(sink), 'farms.acceptor.jobs=100', 'farms.router.jobs=100', 'farms.smtp.jobs=100'],
    });
    const seen = new Map<string, Set<number>>();
    const load = keepSending(farm);
    await waitFor(
      () => {
        for (const { farm: name, pid } of farm.workers()) seen.set(name, (seen.get(name) ?? new Set()).add(pid));
        return ['acceptor', 'router', 'smtp'].every((name) => (seen.get(name)?.size ?? 0) >= 4);
      },
      { what: () => `every farm to be renewed\n${farm.tail()}` },
    );
    await load.stop();
    checkAll(sink, load.ledger);
  });
});

describe('a bad configuration', () => {
  it('is refused at reload with its place, and the old one stays', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({ set: [toSink(sink)] });
    writeFileSync(join(farm.etc, 'mailfarm.yaml'), 'limits:\n  recipients: many\n');
    farm.signal('SIGHUP');
    await waitFor(() => /mailfarm\.yaml:2\b.*limits\.recipients/.test(`${farm.stderr}${farm.tail()}`), {
      what: () => `the complaint\n${farm.tail()}`,
    });
    assert.deepEqual((await sendMail({ port: farm.port, to: ['bob@far.example'] })).accepted, ['m-0']);
    await farm.drained();
    assert.equal(sink.ledger.length, 1);
  });

  it('keeps mailfarmd from starting: status 78, file, line and key', async () => {
    await using farm = await startFarm();
    await farm.stop();
    writeFileSync(join(farm.etc, 'mailfarm.yaml'), 'domains:\n  lokal: [localhost]\n');
    const ran = await farm.command('mailfarmd', ['--check']);
    assert.equal(ran.status, 78);
    assert.match(`${ran.stdout}${ran.stderr}`, /mailfarm\.yaml:2\b.*lokal/);
  });
});

describe('a route that was wrong', () => {
  it('is mended for the mail that waits, too, when it is retried', async () => {
    await using sink = await startSink();
    // Nobody listens there.
    const [closed = 0] = await findFreePorts(1);
    await using farm = await startFarm();
    const routeTo = async (port: number): Promise<void> => {
      writeFileSync(join(farm.etc, 'mailfarm.yaml'), `routes: [{match: "*", via: "smtp:[127.0.0.1]:${port}"}]\n`);
      assert.equal((await farm.command('mailfarm', ['reload'])).status, 0);
      const count = (): number => farm.logLines().filter(({ event }) => event === 'ready').length;
      const before = farm.workers('router').map(({ pid }) => pid);
      await waitFor(() => farm.workers('router').every(({ pid }) => !before.includes(pid)) && count() > 0, {
        what: () => `a new router\n${farm.tail()}`,
      });
    };
    await routeTo(closed);
    const { accepted } = await sendMail({ port: farm.port, to: ['bob@far.example'] });
    await farm.waitForLog(({ event, ...line }) => event === 'attempt' && line['state'] === 'deferred');
    await routeTo(sink.port);
    assert.match((await farm.queueCli(['retry', '--all'])).stdout, /put back to work/);
    await farm.drained();
    assert.deepEqual([...sink.counts()], [[accepted[0], 1]]);
  });
});
