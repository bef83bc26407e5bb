/** A queue full of waiting mail at start: it is put back to work at once, new mail does not wait for it, --drain empties it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeFolders, startFarm, type FarmOptions, type Folders } from '../../support/farm.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const WAITING = 2000;

function options(folders: Folders, port: number): FarmOptions {
  return {
    folders,
    set: [
      `routes=[{match: "*", via: "smtp:[127.0.0.1]:${port}"}]`,
      'retry.times=[1h]',
      'queue.linger=1s',
      'queue.segmentAge=1s',
    ],
  };
}

/** A queue of messages that were tried once and wait, most of them in the tree. */
async function fillQueue(folders: Folders, port: number): Promise<readonly string[]> {
  await using farm = await startFarm(options(folders, port));
  const { accepted } = await sendMail({
    port: farm.port,
    to: ['bob@far.example'],
    count: WAITING,
    sessions: 10,
    prefix: 'old',
  });
  assert.equal(accepted.length, WAITING);
  await waitFor(() => farm.logLines().filter((line) => line.event === 'attempt').length >= WAITING, {
    what: () => `one attempt for each\n${farm.tail()}`,
  });
  assert.equal(await farm.queued(), WAITING);
  await farm.stop();
  return accepted;
}

describe('a restart with a queue', () => {
  it('keeps what waits waiting, takes new mail, and sends all when it is told to', async () => {
    const folders = makeFolders();
    try {
      let open = false;
      await using sink = await startSink({
        onMail: (from) => (open || from === 'new@test.example' ? undefined : '451 4.3.2 later'),
      });
      const accepted = await fillQueue(folders, sink.port);
      await using farm = await startFarm(options(folders, sink.port));
      await sendMail({ port: farm.port, from: 'new@test.example', to: ['bob@far.example'], count: 20, prefix: 'new' });
      await waitFor(() => sink.counts().size >= 20, { what: () => `new mail\n${farm.tail()}` });
      assert.ok((await farm.queued()) >= WAITING, 'the old mail waits for its hour');
      open = true;
      const ran = await farm.queueCli(['retry', '--all']);
      assert.equal(ran.status, 0, ran.stderr);
      await farm.drained();
      const counts = sink.counts();
      assert.deepEqual(
        accepted.filter((id) => counts.get(id) !== 1),
        [],
      );
    } finally {
      removeTemp(folders.root);
    }
  });

  it('can be asked to work the queue until it is empty, and end: --drain', async () => {
    const folders = makeFolders();
    try {
      await using sink = await startSink();
      const env = { MAILFARM_ETC: folders.etc, MAILFARM_VAR: folders.var };
      const { run } = await import('../../support/run.ts');
      for (let n = 0; n < 20; n += 1) {
        const ran = await run('bin/sendmail', ['bob@far.example'], { env, input: `X-Test-Id: d-${n}\n\nhello\n` });
        assert.equal(ran.status, 0, ran.stderr);
      }
      const set = options(folders, sink.port).set?.flatMap((text) => ['--set', text]) ?? [];
      const ran = await run('bin/mailfarmd', ['--drain', ...set], { env });
      assert.equal(ran.status, 0, ran.stderr);
      assert.equal(sink.counts().size, 20);
      const again = await run('bin/mailfarmd', ['--drain', ...set], { env });
      assert.equal(again.status, 0, 'an empty queue is no failure');
    } finally {
      removeTemp(folders.root);
    }
  });
});
