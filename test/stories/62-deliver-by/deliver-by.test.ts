/** Mail that is to be delivered within a time, behind a next hop that is down: it is returned then, or its sender is told. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeFolders, startFarm, type Farm, type FarmOptions } from '../../support/farm.ts';
import { readMaildir } from '../../support/maildir.ts';
import { startSink } from '../../support/sink.ts';
import { SmtpSession } from '../../support/smtp-session.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

async function send(farm: Farm, from: string, wish: string, notify = ''): Promise<void> {
  const session = await SmtpSession.open(farm.port);
  try {
    for (const line of [`MAIL FROM:<${from}> ${wish}`, `RCPT TO:<bob@far.example>${notify}`])
      assert.equal((await session.say(line)).code, 250, line);
    assert.equal((await session.say('DATA')).code, 354);
    assert.equal((await session.say(`X-Test-Id: ${from}\r\n\r\nhello\r\n.`)).code, 250);
  } finally {
    session.socket.destroy();
  }
}

/** Reports in the mailbox of a sender. */
function reports(farm: Farm, user: string): string[] {
  return readMaildir(join(farm.var, 'mail/localhost', user)).map(({ content }) => content.toString());
}

describe('mail with a time for delivery', () => {
  it('is returned in mode R and told of in mode N when that is over, though its next hop waits for an hour', async () => {
    const folders = makeFolders();
    try {
      let open = false;
      await using sink = await startSink({ onConnect: () => (open ? undefined : '421 4.3.2 later') });
      const options: FarmOptions = {
        folders,
        set: [
          `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${sink.port}"}]`,
          'domains.local=[localhost]',
          'retry.times=[1h]',
          'limits.deliverBy=1s',
        ],
      };
      await using first = await startFarm(options);
      await send(first, 'none@localhost', '');
      await first.waitForLog(({ event }) => event === 'bin-waits');
      await send(first, 'return@localhost', 'BY=3;R');
      await send(first, 'notify@localhost', 'BY=3;N', ' NOTIFY=FAILURE');
      // It stands in the queue, not in anybody's memory.
      await first.killAll();
      await using second = await startFarm(options);
      await waitFor(() => reports(second, 'return').length === 1 && reports(second, 'notify').length === 1, {
        what: () => `two reports\n${second.tail()}`,
      });
      assert.match(reports(second, 'return')[0] ?? '', /Action: failed\r?\nStatus: 5\.4\.7/);
      assert.match(reports(second, 'notify')[0] ?? '', /Action: delayed/);
      assert.equal(await second.queued(), 2);
      open = true;
      assert.equal((await second.queueCli(['retry', '--all'])).status, 0);
      await second.drained();
      assert.deepEqual([...sink.counts().keys()].sort(), ['none@localhost', 'notify@localhost']);
      assert.deepEqual([reports(second, 'return').length, reports(second, 'notify').length], [1, 1]);
    } finally {
      removeTemp(folders.root);
    }
  });
});
