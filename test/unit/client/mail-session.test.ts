import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { MailSession, openMailSession, type SendResult } from '../../../src/client/mail-session.ts';
import { acceptAll, startScriptedServer, type Script, type ScriptedServer } from './scripted-server.ts';

const CONTENT = Buffer.from('Subject: hello\r\n\r\none\r\n.two\r\n');

async function open(
  t: TestContext,
  script: Script,
  deadlineMs = 10_000,
): Promise<{ readonly opened: MailSession | SendResult; readonly server: ScriptedServer }> {
  const server = await startScriptedServer(script);
  t.after(() => server.close());
  const to = { host: '127.0.0.1', port: server.port };
  return { opened: await openMailSession({ to, name: 'host.example', deadlineMs }), server };
}

async function session(t: TestContext, script: Script, deadlineMs?: number): Promise<MailSession> {
  const { opened } = await open(t, script, deadlineMs);
  assert.ok(opened instanceof MailSession);
  t.after(() => opened.destroy());
  return opened;
}

/** A script that answers `reply` to commands that match, and takes everything else. */
function answering(pattern: RegExp, reply: string | undefined): Script {
  return (command) => (pattern.test(command) ? reply : acceptAll(command));
}

test('sends several messages over one session, dot-stuffed', async (t) => {
  const { opened, server } = await open(t, acceptAll);
  assert.ok(opened instanceof MailSession);
  for (const sender of ['', 'a@b.example']) {
    assert.deepEqual(await opened.send(sender, 'c@d.example', CONTENT), { kind: 'accepted', text: 'ok' });
  }
  opened.quit();
  assert.deepEqual(server.messages, Array(2).fill('Subject: hello\r\n\r\none\r\n..two\r\n'));
  assert.deepEqual(server.commands.slice(0, 4), ['EHLO host.example', 'MAIL FROM:<>', 'RCPT TO:<c@d.example>', 'DATA']);
});

test('tells refusals at each step, and is over then', async (t) => {
  for (const step of [/^MAIL/, /^RCPT/, /^DATA/, /^\.$/]) {
    const refusing = await session(t, answering(step, '451 4.3.0 later'));
    assert.deepEqual(await refusing.send('', 'c@d.example', CONTENT), {
      kind: 'refused',
      code: 451,
      text: '4.3.0 later',
    });
    assert.equal((await refusing.send('', 'c@d.example', CONTENT)).kind, 'lost');
  }
});

test('tells a refused session from none', async (t) => {
  const { opened } = await open(t, answering(/^$/, '421 4.3.2 busy'));
  assert.deepEqual(opened, { kind: 'refused', code: 421, text: '4.3.2 busy' });
  const gone = await open(t, answering(/^$/, undefined));
  assert.ok(!(gone.opened instanceof MailSession) && gone.opened.kind === 'lost' && !gone.opened.begun);
});

test('knows whether a message that was lost can have been taken', async (t) => {
  for (const [step, begun] of [
    [/^MAIL/, false],
    [/^DATA/, false],
    [/^\.$/, true],
  ] as const) {
    const breaking = await session(t, answering(step, undefined));
    const result = await breaking.send('', 'c@d.example', CONTENT);
    assert.ok(result.kind === 'lost', result.kind);
    assert.equal(result.begun, begun, String(step));
  }
});

test('waits for no answer for ever, and reads none without end', async (t) => {
  const silent = await session(t, answering(/^\.$/, '250-and'), 200);
  const result = await silent.send('', 'c@d.example', CONTENT);
  assert.ok(result.kind === 'lost' && result.begun);
  assert.match(result.why, /no answer/);
  const chatty = await session(t, answering(/^MAIL/, '250-x\r\n'.repeat(5000)));
  assert.equal((await chatty.send('', 'c@d.example', CONTENT)).kind, 'lost');
});
