/** Workers that hang (SIGSTOP) and come back: what they held is delivered once, and nobody else waits for them for ever. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startFarm, type Farm } from '../../support/farm.ts';
import { signal } from '../../support/processes.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink, type Sink } from '../../support/sink.ts';
import { waitFor, waitForQuiet } from '../../support/wait.ts';

const MESSAGES = 400;

function start(sink: Sink): Promise<Farm> {
  return startFarm({ set: [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`, 'retry.times=[1s]'] });
}

describe('a stopped worker', () => {
  for (const name of ['scheduler', 'router', 'smtp', 'acceptor', 'log']) {
    it(`of the farm ${name} goes on when it is continued, and nothing is lost or doubled`, async () => {
      await using sink = await startSink();
      await using farm = await start(sink);
      let stopped: number | undefined;
      const victim = await farm.worker(name);
      const sending = sendMail({
        port: farm.port,
        to: ['bob@far.example'],
        count: MESSAGES,
        sessions: 5,
        onAccepted: (count) => {
          if (count !== MESSAGES / 4) return;
          stopped = victim.pid;
          signal(victim.pid, 'SIGSTOP');
        },
      });
      await waitFor(() => stopped !== undefined, { what: 'the stop' });
      // All that goes on without it has gone on.
      await waitForQuiet(() => sink.ledger.length, { what: 'the farm to come to rest', looks: 100 });
      signal(victim.pid, 'SIGCONT');
      const ledger = await sending;
      await farm.drained();
      const counts = sink.counts();
      assert.deepEqual(
        ledger.accepted.filter((id) => counts.get(id) !== 1),
        [],
      );
      assert.equal(ledger.accepted.length, MESSAGES);
    });
  }

  it('of the farm router that nobody continues is killed, and its mail goes on', async () => {
    await using sink = await startSink();
    await using farm = await start(sink);
    const { pid } = await farm.worker('router');
    const onAccepted = (count: number): void => {
      if (count === MESSAGES / 4) signal(pid, 'SIGSTOP');
    };
    const { accepted } = await sendMail({
      port: farm.port,
      to: ['bob@far.example'],
      count: MESSAGES,
      sessions: 5,
      onAccepted,
    });
    const killing = await farm.waitForLog(({ event }) => event === 'killing');
    assert.equal(killing['pid'], pid);
    await farm.drained();
    const counts = sink.counts();
    assert.deepEqual(
      accepted.filter((id) => counts.get(id) !== 1),
      [],
    );
  });

  it('of the log holds up no mail', async () => {
    await using sink = await startSink();
    await using farm = await start(sink);
    const { pid } = await farm.worker('log');
    signal(pid, 'SIGSTOP');
    await sendMail({ port: farm.port, to: ['bob@far.example'], count: MESSAGES, sessions: 5 });
    await waitFor(() => sink.ledger.length === MESSAGES, {
      what: () => `${MESSAGES}, there are ${sink.ledger.length}`,
    });
    signal(pid, 'SIGCONT');
  });
});
