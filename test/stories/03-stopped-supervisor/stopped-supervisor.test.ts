/** The supervisor carries no job: while it is stopped, mail flows; when it dies, its workers end and a new one goes on. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeFolders, startFarm } from '../../support/farm.ts';
import { countMaildir } from '../../support/maildir.ts';
import { emptyLedger, sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

describe('the supervisor', () => {
  it('may be stopped, and mail flows through every farm that runs', async () => {
    await using sink = await startSink();
    const routes = `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${sink.port}"}]`;
    await using farm = await startFarm({ set: [routes, 'domains.local=[localhost]', 'farms.maildir.least=1'] });
    await farm.worker('maildir');
    farm.signal('SIGSTOP');
    const sent = await sendMail({
      port: farm.port,
      to: ['anna@localhost', 'bob@far.example'],
      count: 300,
      sessions: 5,
    });
    assert.equal(sent.accepted.length, 300);
    assert.equal(sent.setbacks, 0);
    const dir = join(farm.var, 'mail', 'localhost', 'anna');
    await waitFor(() => sink.ledger.length === 300 && countMaildir(dir) === 300, {
      what: () => `300 each\n${farm.tail()}`,
    });
    farm.signal('SIGCONT');
    await farm.drained();
    assert.equal(await farm.stop(), 0);
  });

  it('may be killed: no worker outlives it for long, nothing is lost, and the next one goes on', async () => {
    const folders = makeFolders();
    try {
      await using sink = await startSink();
      const set = [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`];
      const accepted: string[] = [];
      {
        await using farm = await startFarm({ folders, set });
        accepted.push(
          ...(await sendMail({ port: farm.port, to: ['bob@far.example'], count: 200, sessions: 5 })).accepted,
        );
        await farm.kill();
        await farm.workersGone();
      }
      await using farm = await startFarm({ folders, set });
      accepted.push(
        ...(await sendMail({ port: farm.port, to: ['bob@far.example'], count: 50, prefix: 'later' })).accepted,
      );
      await farm.drained();
      const counts = sink.counts();
      assert.deepEqual(
        accepted.filter((id) => !counts.has(id)),
        [],
      );
    } finally {
      removeTemp(folders.root);
    }
  });

  it('lets no second instance run on its var, and says who runs', async () => {
    await using farm = await startFarm();
    const second = await farm.command('mailfarmd', [
      '--etc',
      farm.etc,
      '--var',
      farm.var,
      '--set',
      'listen.0.address=127.0.0.1:0',
    ]);
    assert.notEqual(second.status, 0);
    assert.match(second.stderr, new RegExp(`\\b${farm.pid}\\b`));
    assert.deepEqual((await sendMail({ port: farm.port, to: ['anna@localhost'] })).accepted, ['m-0']);
  });

  it('stops in order while mail comes in: what was accepted is delivered or kept', async () => {
    const folders = makeFolders();
    try {
      await using sink = await startSink();
      const set = [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`];
      let stopping: Promise<number | NodeJS.Signals> | undefined;
      let accepted: readonly string[] = [];
      {
        await using farm = await startFarm({ folders, set });
        const ledger = emptyLedger();
        await sendMail({
          port: farm.port,
          to: ['bob@far.example'],
          count: 100_000,
          sessions: 5,
          ledger,
          onAccepted: (count) => {
            if (count === 100) stopping = farm.stop();
          },
          // Sessions that the farm ended are not opened again.
          stopWhen: () => stopping !== undefined && ledger.setbacks > 0,
        });
        accepted = ledger.accepted;
        assert.equal(await stopping, 0);
        assert.deepEqual(farm.workers(), []);
      }
      await using farm = await startFarm({ folders, set });
      await farm.drained();
      const counts = sink.counts();
      assert.ok(accepted.length >= 100);
      assert.deepEqual(
        accepted.filter((id) => counts.get(id) !== 1),
        [],
      );
    } finally {
      removeTemp(folders.root);
    }
  });
});
