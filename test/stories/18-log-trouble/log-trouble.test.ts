/** The log in trouble: killed, its folder gone, its file too large for the disk. Mail flows on, and lines come again later. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AS_OURSELVES, startFarm, type Farm } from '../../support/farm.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink, type Sink } from '../../support/sink.ts';
import { waitFor } from '../../support/wait.ts';

async function flows(farm: Farm, sink: Sink, prefix: string): Promise<void> {
  const { accepted } = await sendMail({ port: farm.port, to: ['bob@far.example'], count: 50, sessions: 2, prefix });
  assert.equal(accepted.length, 50);
  await waitFor(() => accepted.every((id) => sink.counts().has(id)), { what: `delivery of ${prefix}` });
}

function start(sink: Sink): Promise<Farm> {
  return startFarm({ set: [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`, ...AS_OURSELVES] });
}

describe('a log in trouble', () => {
  it('is started anew when it was killed', async () => {
    await using sink = await startSink();
    await using farm = await start(sink);
    const { pid } = await farm.worker('log');
    process.kill(pid, 'SIGKILL');
    await flows(farm, sink, 'killed');
    await waitFor(() => farm.workers('log').some((worker) => worker.pid !== pid), { what: 'a new log process' });
    await flows(farm, sink, 'after');
    await farm.waitForLog((line) => line.event === 'received' && line.farm === 'acceptor');
  });

  it('whose files may not grow holds up nothing', async () => {
    await using sink = await startSink();
    await using farm = await start(sink);
    const { pid } = await farm.worker('log');
    execFileSync('prlimit', ['--pid', String(pid), '--fsize=1000:']);
    await flows(farm, sink, 'full');
    execFileSync('prlimit', ['--pid', String(pid), '--fsize=unlimited:']);
    await flows(farm, sink, 'healed');
  });

  it('whose folder was removed holds up nothing', async () => {
    await using sink = await startSink();
    await using farm = await start(sink);
    rmSync(join(farm.var, 'log'), { recursive: true });
    await flows(farm, sink, 'gone');
  });

  it('never tears a line, with many workers that write at once', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({
      set: [
        `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
        'farms.acceptor.most=3',
        'farms.acceptor.least=3',
        'farms.smtp.most=3',
        'farms.smtp.least=3',
      ],
    });
    const { accepted } = await sendMail({ port: farm.port, to: ['bob@far.example'], count: 1000, sessions: 12 });
    await farm.drained();
    // Reading throws on a line that is no JSON.
    const received = (): number => farm.logLines().filter((line) => line.event === 'received').length;
    await waitFor(() => received() >= accepted.length, { what: () => `${accepted.length} lines, not ${received()}` });
    assert.equal(received(), accepted.length);
  });
});
