/** Mail for a later time: it waits in the queue, over crashes, and leaves then, or when an operator wants it to. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeFolders, startFarm, type Farm, type FarmOptions } from '../../support/farm.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { SmtpSession } from '../../support/smtp-session.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const HOURS = 3 * 60 * 60;

async function send(farm: Farm, id: string, wish: string, to = 'bob@far.example'): Promise<string> {
  const session = await SmtpSession.open(farm.port);
  try {
    for (const line of [`MAIL FROM:<me@test.example> ${wish}`, `RCPT TO:<${to}>`])
      assert.equal((await session.say(line)).code, 250, line);
    assert.equal((await session.say('DATA')).code, 354);
    const { code, text } = await session.say(`X-Test-Id: ${id}\r\n\r\nhello\r\n.`);
    assert.equal(code, 250, text);
    return /queued as (\S+)/.exec(text)?.[1] ?? '';
  } finally {
    session.socket.destroy();
  }
}

describe('mail for a later time', () => {
  it('is announced with the longest wait', async () => {
    await using farm = await startFarm({ set: ['limits.futureRelease=2h'] });
    const session = SmtpSession.connect(farm.port);
    await session.read();
    const { text } = await session.say('EHLO client.example');
    session.socket.destroy();
    const [, latest = ''] = /^FUTURERELEASE 7200 (\S+Z)$/m.exec(text) ?? [];
    assert.ok(Date.parse(latest) > Date.now() + 60 * 60_000, text);
  });

  it('waits over a crash of everything, is shown as waiting, is left by a drain, and leaves when it is told to', async () => {
    const folders = makeFolders();
    try {
      await using sink = await startSink();
      const options: FarmOptions = {
        folders,
        set: [
          `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
          'queue.linger=1s',
          'queue.segmentAge=1s',
          // Of a message that waits for hours: its age counts from its release.
          'retry.lifetime=1s',
        ],
        etc: { aliases: 'list: bob@far.example, ben@far.example\n' },
      };
      await using first = await startFarm(options);
      const ids = [
        await send(first, 'later-1', `HOLDFOR=${HOURS}`),
        await send(first, 'later-2', `HOLDUNTIL=${new Date(Date.now() + HOURS * 1000).toISOString()}`),
        await send(first, 'later-3', `HOLDFOR=${HOURS}`, 'list@localhost'),
      ];
      await sendMail({ port: first.port, to: ['bob@far.example'], prefix: 'now' });
      await waitFor(() => sink.counts().get('now-0') === 1, { what: () => `the other one\n${first.tail()}` });
      await first.killAll();

      await using second = await startFarm(options);
      await sendMail({ port: second.port, to: ['bob@far.example'], prefix: 'then' });
      await waitFor(() => sink.counts().get('then-0') === 1, { what: () => `the other one\n${second.tail()}` });
      await waitFor(() => second.logLines().some(({ event, mode }) => event === 'injection-done' && mode === 'start'));
      const listed = await second.queueCli(['list']);
      assert.equal(
        listed.stdout.match(/waiting +in 2h .*waits until \d{4}-.*, as its sender wishes/g)?.length,
        3,
        listed.stdout,
      );
      assert.equal(await second.stop(), 0);

      const files = await second.queueCli(['show', ids[0] ?? '']);
      assert.match(files.stdout, /waits until/, 'also while nothing runs');
      const sets = options.set?.flatMap((text) => ['--set', text]) ?? [];
      const drained = await second.command('mailfarmd', ['--drain', ...sets]);
      assert.match(drained.stdout, /^mailfarmd: drained delivered=0 bounced=0 waiting=3 held=0$/m);

      await using third = await startFarm(options);
      assert.equal((await third.queueCli(['retry', ...ids.flatMap((id) => ['--id', id])])).status, 0);
      await third.drained();
      const copies = [...sink.copies().keys()].filter((key) => key.startsWith('later')).sort();
      assert.deepEqual(copies, [
        'later-1 bob@far.example',
        'later-2 bob@far.example',
        'later-3 ben@far.example',
        'later-3 bob@far.example',
      ]);
    } finally {
      removeTemp(folders.root);
    }
  });

  it('is what sendmail -odq makes: it waits for as long as a first retry, unless it is told to go', async () => {
    await using sink = await startSink();
    const set = [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`, 'retry.times=[1h]'];
    await using farm = await startFarm({ set });
    const input = 'X-Test-Id: queued\n\nhello\n';
    const ran = await farm.command('sendmail', ['-odq', '-v', 'bob@far.example'], { input });
    assert.match(ran.stderr, /taken by/, ran.stderr);
    const listed = await farm.queueCli(['list']);
    assert.match(listed.stdout, /waiting +in (?:1h|59m) /, listed.stdout);
    assert.equal((await farm.queueCli(['retry', '--all'])).status, 0);
    await farm.drained();
    assert.equal(sink.counts().get('queued'), 1);
  });

  it('leaves at its time and not before', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({ set: [`routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`] });
    const before = Date.now();
    await send(farm, 'soon', 'HOLDFOR=2');
    await farm.drained();
    assert.equal(sink.counts().get('soon'), 1);
    assert.ok((sink.ledger[0]?.at ?? 0) >= before + 2000);
  });
});
