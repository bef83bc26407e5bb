/** Whoever read the farm's output goes away (a closed terminal, a dead log collector): writing to it is nobody's end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startFarm } from '../../support/farm.ts';
import { isRunning, signal } from '../../support/processes.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { waitFor } from '../../support/wait.ts';

/** The readers leave after the first line of stdout and the first byte of stderr. */
const LEAVING = `exec "$@" > >(head -n 1) 2> >(head -c 1 >/dev/null)`;

describe('a farm whose output nobody reads any more', () => {
  it('works on, also when it has something to say', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({
      wrap: ['bash', '-c', LEAVING, 'bash'],
      set: [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`, 'log.level=debug'],
    });
    for (const name of ['router', 'smtp', 'acceptor', 'scheduler', 'log']) {
      // A death is worth a line on stderr.
      const { pid } = await farm.worker(name);
      signal(pid, 'SIGKILL');
      await waitFor(() => farm.workers(name).some((worker) => worker.pid !== pid), { what: `a new ${name}` });
    }
    const { accepted } = await sendMail({ port: farm.port, to: ['bob@far.example'], count: 50 });
    await farm.drained();
    assert.equal(accepted.length, 50);
    assert.ok(accepted.every((id) => sink.counts().has(id)));
    assert.ok(isRunning(farm.pid));
    assert.equal(await farm.stop(), 0);
  });
});
