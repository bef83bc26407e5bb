import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { submit, type Submission, type SubmitResult } from '../../../src/client/submit.ts';
import { acceptAll, startScriptedServer, type Script, type ScriptedServer } from './scripted-server.ts';

const CONTENT = Buffer.from('Subject: hello\r\n\r\none\r\n.two\r\n');

async function run(
  t: TestContext,
  script: Script,
  changes: Partial<Submission> = {},
): Promise<{ readonly result: SubmitResult; readonly server: ScriptedServer }> {
  const server = await startScriptedServer(script);
  t.after(() => server.close());
  const result = await submit({
    to: { host: '127.0.0.1', port: server.port },
    name: 'host.example',
    envelope: { sender: 'ann@example.org', recipients: ['bob@example.net', 'cy@example.net'] },
    content: CONTENT,
    ...changes,
  });
  return { result, server };
}

/** A script that answers `reply` to commands that match, and takes everything else. */
function refusing(pattern: RegExp, reply: string | undefined): Script {
  return (command) => (pattern.test(command) ? reply : acceptAll(command));
}

test('submits a message, dot-stuffed, to all recipients', async (t) => {
  const { result, server } = await run(t, acceptAll, { size: CONTENT.length });
  assert.deepEqual(result, { kind: 'accepted', text: '250 ok', refused: [] });
  assert.deepEqual(server.messages, ['Subject: hello\r\n\r\none\r\n..two\r\n']);
  assert.deepEqual(server.commands.slice(0, 5), [
    'EHLO host.example',
    `MAIL FROM:<ann@example.org> SIZE=${CONTENT.length}`,
    'RCPT TO:<bob@example.net>',
    'RCPT TO:<cy@example.net>',
    'DATA',
  ]);
});

test('passes DSN wishes, the null sender and 8-bit content on', async (t) => {
  const { server } = await run(t, acceptAll, {
    envelope: { sender: '', recipients: ['bob@example.net'] },
    eightBit: true,
    dsn: { notify: ['FAILURE', 'DELAY'], ret: 'HDRS', envid: 'x+y' },
  });
  assert.equal(server.commands[1], 'MAIL FROM:<> BODY=8BITMIME RET=HDRS ENVID=x+2By');
  assert.equal(server.commands[2], 'RCPT TO:<bob@example.net> NOTIFY=FAILURE,DELAY');
});

test('asks to hold the message as far as that is offered', async (t) => {
  const offer =
    (most: number): Script =>
    (command) =>
      command.startsWith('EHLO')
        ? `250-scripted\r\n250 FUTURERELEASE ${most} 2099-01-01T00:00:00Z`
        : acceptAll(command);
  const mail = async (script: Script, holdFor?: number): Promise<string | undefined> =>
    (await run(t, script, { holdFor })).server.commands[1];
  assert.equal(await mail(offer(3600), 60), 'MAIL FROM:<ann@example.org> HOLDFOR=60');
  assert.equal(await mail(offer(30), 60), 'MAIL FROM:<ann@example.org> HOLDFOR=30');
  assert.equal(await mail(offer(3600)), 'MAIL FROM:<ann@example.org>');
  assert.equal(await mail(acceptAll, 60), 'MAIL FROM:<ann@example.org>');
});

test('takes content from a stream', async (t) => {
  const { result, server } = await run(t, acceptAll, {
    content: Readable.from([CONTENT.subarray(0, 7), CONTENT.subarray(7)]),
  });
  assert.equal(result.kind, 'accepted');
  assert.deepEqual(server.messages, ['Subject: hello\r\n\r\none\r\n..two\r\n']);
});

test('names each refused recipient while the message goes to the others', async (t) => {
  const { result } = await run(t, refusing(/^RCPT TO:<cy/, '550 5.1.1 no such user'));
  assert.equal(result.kind, 'accepted');
  assert.deepEqual(result.refused, [{ address: 'cy@example.net', code: 550, text: '550 5.1.1 no such user' }]);
});

test('tells when no recipient is taken', async (t) => {
  const script: Script = (command) => {
    if (command.startsWith('RCPT')) return '550 5.1.1 no such user';
    return command === 'DATA' ? '503 5.5.1 no recipients' : acceptAll(command);
  };
  const { result } = await run(t, script);
  assert.equal(result.kind, 'refused');
  assert.equal(result.code, 550);
  assert.deepEqual(
    result.refused.map((one) => one.address),
    ['bob@example.net', 'cy@example.net'],
  );
});

test('tells refusals of the session, the sender and the message, with the code', async (t) => {
  const cases: readonly (readonly [RegExp, string])[] = [
    [/^$/, '421 4.3.2 too busy'],
    [/^$/, '554 5.7.1 go away'],
    [/^MAIL/, '452 4.3.1 no space'],
    [/^\.$/, '554 5.7.1 bad content'],
  ];
  for (const [pattern, reply] of cases) {
    const { result } = await run(t, refusing(pattern, reply), {
      envelope: { sender: 'a@b.example', recipients: ['c@d.example'] },
    });
    assert.equal(result.kind, 'refused', reply);
    assert.equal(result.code, Number(reply.slice(0, 3)));
    assert.ok(result.text.includes(reply.slice(4)), result.text);
  }
});

test('control characters of a reply do not come through', async (t) => {
  const { result } = await run(t, refusing(/^MAIL/, '550 5.7.1 \u001b[2Jboo'));
  assert.equal(result.kind, 'refused');
  assert.ok(!result.text.includes('\u001b'));
});

test('refuses by itself what is larger than the server announced, and addresses that fit no command', async (t) => {
  const large = await run(t, acceptAll, { size: 2_000_000 });
  assert.equal(large.result.kind, 'refused');
  assert.equal(large.result.code, 552);
  const odd = await run(t, acceptAll, { envelope: { sender: '', recipients: ['a\r\nRSET@example.org'] } });
  assert.equal(odd.result.kind, 'refused');
  assert.equal(odd.result.code, 553);
  assert.ok(!odd.server.commands.some((command) => command.startsWith('RSET')));
});

test('a closed port is unreachable', async () => {
  const server = await startScriptedServer(acceptAll);
  await server.close();
  const result = await submit({
    to: { host: '127.0.0.1', port: server.port },
    name: 'host.example',
    envelope: { sender: '', recipients: ['a@b.example'] },
    content: CONTENT,
  });
  assert.equal(result.kind, 'unreachable');
});

test('a connection that breaks is lost, wherever it breaks', async (t) => {
  for (const pattern of [/^$/, /^EHLO/, /^MAIL/, /^DATA/, /^\.$/]) {
    const { result } = await run(t, refusing(pattern, undefined));
    assert.equal(result.kind, 'lost', String(pattern));
  }
});

test('a server that never greets is given up', async (t) => {
  const net = await import('node:net');
  const silent = net.createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.close());
  const address = silent.address();
  assert.ok(typeof address === 'object' && address !== null);
  const result = await submit({
    to: { host: '127.0.0.1', port: address.port },
    name: 'host.example',
    envelope: { sender: '', recipients: ['a@b.example'] },
    content: CONTENT,
    deadlines: { greetingMs: 50 },
  });
  assert.equal(result.kind, 'lost');
});

test('a content stream that fails leaves nothing accepted', async (t) => {
  const content = new Readable({
    read() {
      this.destroy(new Error('disk trouble'));
    },
  });
  const { result, server } = await run(t, acceptAll, { content });
  assert.equal(result.kind, 'lost');
  assert.deepEqual(server.messages, []);
});
