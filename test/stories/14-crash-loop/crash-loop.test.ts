/** A farm whose workers die at once is throttled, alone: the others work on, and it comes back when it can. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startFarm } from '../../support/farm.ts';
import { countMaildir } from '../../support/maildir.ts';
import { signal } from '../../support/processes.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { waitFor } from '../../support/wait.ts';

describe('a farm that keeps dying', () => {
  it('is started ever more slowly, while mail flows through the others', async () => {
    await using sink = await startSink();
    const routes = `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${sink.port}"}]`;
    await using farm = await startFarm({ set: [routes, 'domains.local=[localhost]', 'farms.maildir.least=1'] });
    let dying = true;
    const killed = new Set<number>();
    const killer = (async () => {
      while (dying) {
        for (const { pid } of farm.workers('maildir')) {
          killed.add(pid);
          signal(pid, 'SIGKILL');
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    try {
      await waitFor(() => killed.size >= 5, { what: () => `five deaths\n${farm.tail()}` });
      const to = ['anna@localhost', 'bob@far.example'];
      const sent = await sendMail({ port: farm.port, to, count: 50, sessions: 2 });
      assert.equal(sent.accepted.length, 50);
      await waitFor(() => sink.ledger.length === 50, { what: () => `relayed mail\n${farm.tail()}` });
      await farm.waitForLog((line) => line.event === 'throttled' && line.farm === 'maildir');
      assert.ok(killed.size < 100, `${killed.size} starts`);
    } finally {
      dying = false;
      await killer;
    }
    await farm.drained();
    // A worker killed between the file's name and its record leaves a message that is delivered once more.
    assert.ok(countMaildir(join(farm.var, 'mail', 'localhost', 'anna')) >= 50);
  });
});
