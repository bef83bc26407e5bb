/** A farm that may open few files, or write only small ones: it says later, stays alive, and serves on. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { makeContent } from '../../support/content.ts';
import { AS_OURSELVES, startFarm } from '../../support/farm.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { SmtpSession } from '../../support/smtp-session.ts';
import { waitFor } from '../../support/wait.ts';

function hasPrlimit(): boolean {
  try {
    execFileSync('prlimit', ['--nofile'], { stdio: 'pipe' });
    return true;
  } catch {
    // Not installed.
    return false;
  }
}

const PRLIMIT = hasPrlimit() ? false : 'no prlimit';

describe('few descriptors', { skip: PRLIMIT }, () => {
  it('cost clients a wait, not the farm its life', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({
      set: [
        `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
        'limits.connectionsPerClient=1000',
        ...AS_OURSELVES,
      ],
    });
    const acceptors = farm.workers('acceptor');
    for (const { pid } of acceptors) execFileSync('prlimit', ['--pid', String(pid), '--nofile=45:45']);
    const crowd = Array.from({ length: 150 }, () => SmtpSession.connect(farm.port));
    await waitFor(() => crowd.every((session) => session.socket.readyState !== 'opening'), {
      what: 'the crowd to connect',
    });
    for (const session of crowd) session.socket.destroy();
    const { accepted } = await sendMail({ port: farm.port, to: ['bob@far.example'], count: 50, sessions: 3 });
    assert.equal(accepted.length, 50);
    await farm.drained();
    assert.deepEqual(
      farm.workers('acceptor').map((worker) => worker.pid),
      acceptors.map((worker) => worker.pid),
      'none died',
    );
  });
});

describe('small files only', { skip: PRLIMIT }, () => {
  it('refuse what does not fit, for now, and take what does', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({
      set: [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`, 'queue.segment=1MiB', ...AS_OURSELVES],
    });
    const acceptors = farm.workers('acceptor');
    for (const { pid } of acceptors) execFileSync('prlimit', ['--pid', String(pid), '--fsize=4000000:4000000']);
    const session = await SmtpSession.open(farm.port);
    const large = await session.send('a@test.example', ['bob@far.example'], makeContent('large', { size: 8_000_000 }));
    assert.equal(Math.floor(large.code / 100), 4, `${large.code} ${large.text}`);
    session.quit();
    const { accepted } = await sendMail({ port: farm.port, to: ['bob@far.example'], count: 50, sessions: 3 });
    assert.equal(accepted.length, 50);
    await farm.drained();
    assert.equal(sink.counts().has('large'), false);
    assert.deepEqual(
      farm.workers('acceptor').map((worker) => worker.pid),
      acceptors.map((worker) => worker.pid),
      'none died',
    );
  });
});
