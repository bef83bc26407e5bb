import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { EX } from '../../../../src/base/sysexits.ts';
import { ROOT, run, type Ran } from '../../../support/run.ts';
import { makeTemp } from '../../../support/temp.ts';
import { acceptAll, startScriptedServer, type Script, type ScriptedServer } from '../../client/scripted-server.ts';
import { parseLines } from '../queue-fixture.ts';

interface Host {
  readonly var: string;
  readonly env: Readonly<Record<string, string>>;
  sendmail(args: readonly string[], input?: string | Buffer): Promise<Ran>;
  queued(): Promise<readonly { readonly id: string; readonly sender: string }[]>;
  raw(id: string): Promise<string>;
}

/** Folders of a farm whose listener is at `address`; no farm runs. */
function makeHost(address: string): Host {
  const root = makeTemp('sendmail');
  const folders = { var: path.join(root, 'var'), etc: path.join(root, 'etc') };
  for (const folder of Object.values(folders)) mkdirSync(folder);
  writeFileSync(
    path.join(folders.etc, 'mailfarm.yaml'),
    `hostname: host.example\nlisten:\n  - { address: "${address}", role: submission }\n`,
  );
  const env = { MAILFARM_VAR: folders.var, MAILFARM_ETC: folders.etc };
  return {
    var: folders.var,
    env,
    sendmail: (args, input = '') => run('bin/sendmail', args, { env, input }),
    queued: async () => parseLines((await run('bin/queue', ['list', '--json'], { env })).stdout) as never,
    raw: async (id) => (await run('bin/queue', ['show', '--raw', id], { env })).stdout,
  };
}

async function withServer(
  t: TestContext,
  script: Script,
): Promise<{ readonly host: Host; readonly server: ScriptedServer }> {
  const server = await startScriptedServer(script);
  t.after(() => server.close());
  return { host: makeHost(`127.0.0.1:${server.port}`), server };
}

/** A port where nobody listens. */
async function closedPort(): Promise<number> {
  const server = await startScriptedServer(acceptAll);
  await server.close();
  return server.port;
}

test('a message goes to the farm, with the recipients of the arguments', async (t) => {
  const { host, server } = await withServer(t, acceptAll);
  const ran = await host.sendmail(
    ['-f', 'ann@example.org', 'bob@example.net', 'root'],
    'Subject: hi\nTo: x@y.example\n\nline\n.\nnot this\n',
  );
  assert.deepEqual([ran.status, ran.stdout, ran.stderr], [EX.OK, '', '']);
  assert.match(server.commands[1] ?? '', /^MAIL FROM:<ann@example\.org>/);
  assert.deepEqual(
    server.commands.filter((command) => command.startsWith('RCPT')),
    ['RCPT TO:<bob@example.net>', 'RCPT TO:<root@host.example>'],
  );
  assert.deepEqual(server.messages, ['Subject: hi\r\nTo: x@y.example\r\nFrom: ann@example.org\r\n\r\nline\r\n']);
});

test('-t takes recipients from the header and keeps Bcc secret; -i keeps dots', async (t) => {
  const { host, server } = await withServer(t, acceptAll);
  const ran = await host.sendmail(
    ['-ti', '-v', '-F', 'Ann E', '-f', 'ann'],
    'To: Bob <bob@example.net>\nBcc: spy@example.com\n\n.\nend',
  );
  assert.equal(ran.status, EX.OK);
  assert.match(ran.stderr, /^sendmail: taken by 127\.0\.0\.1:\d+: 250 ok\n$/);
  assert.deepEqual(
    server.commands.filter((command) => command.startsWith('RCPT')),
    ['RCPT TO:<bob@example.net>', 'RCPT TO:<spy@example.com>'],
  );
  assert.deepEqual(server.messages, [
    'To: Bob <bob@example.net>\r\nFrom: Ann E <ann@host.example>\r\n\r\n..\r\nend\r\n',
  ]);
});

test('notification wishes are passed on', async (t) => {
  const { host, server } = await withServer(t, acceptAll);
  await host.sendmail(['-N', 'failure,delay', '-R', 'hdrs', '-V', 'id1', '-f', '<>', 'a@b.example'], 'x\n');
  assert.match(server.commands[1] ?? '', /^MAIL FROM:<> .*RET=HDRS ENVID=id1$/);
  assert.equal(server.commands[2], 'RCPT TO:<a@b.example> NOTIFY=FAILURE,DELAY');
});

test('a large message is sent whole', async (t) => {
  const { host, server } = await withServer(t, acceptAll);
  const line = `${'x'.repeat(99)}\n`;
  const ran = await host.sendmail(['a@b.example'], `Subject: big\n\n${line.repeat(9000)}`);
  assert.equal(ran.status, EX.OK);
  assert.equal(server.messages[0]?.split('\r\n').filter((text) => text.length === 99).length, 9000);
});

test('recipients beyond the limit of one message go in a second one', async (t) => {
  let taken = 0;
  const { host, server } = await withServer(t, (command) => {
    if (command.startsWith('MAIL')) taken = 0;
    if (command.startsWith('RCPT')) return (taken += 1) > 2 ? '452 4.5.3 too many recipients' : '250 ok';
    return acceptAll(command);
  });
  const to = ['a@b.example', 'c@d.example', 'e@f.example', 'g@h.example', 'i@j.example'];
  const ran = await host.sendmail(['-v', ...to], 'x\n');
  assert.equal(ran.status, EX.OK);
  assert.equal(server.messages.length, 3);
  const told = ran.stderr.trim().split('\n');
  assert.deepEqual(
    told.map((line) => line.replace(/^sendmail: taken by \S+: 250 ok, for /, '')),
    ['a@b.example, c@d.example', 'e@f.example, g@h.example', 'i@j.example'],
  );
});

test('refusals end with a status, a line a recipient', async (t) => {
  const cases: readonly (readonly [RegExp, string, number, RegExp])[] = [
    [/^RCPT TO:<bob/, '550 5.1.1 no such user', EX.NOUSER, /^sendmail: bob@example\.net: 550 5\.1\.1 no such user\n$/],
    [/^RCPT TO:<bob/, '450 4.2.0 later', EX.TEMPFAIL, /bob@example\.net: 450/],
    [/^RCPT TO:<bob/, '550 5.4.0 no way', EX.UNAVAILABLE, /bob@example\.net: 550/],
    [/^\.$/, '554 5.6.0 bad content', EX.DATAERR, /refused: 554 5\.6\.0 bad content/],
    [/^$/, '421 4.3.2 too busy', EX.TEMPFAIL, /421 4\.3\.2 too busy/],
    [/^MAIL/, '452 4.3.1 disk full', EX.TEMPFAIL, /452/],
  ];
  for (const [pattern, reply, status, told] of cases) {
    const { host } = await withServer(t, (command) => (pattern.test(command) ? reply : acceptAll(command)));
    const ran = await host.sendmail(['ann@example.org', 'bob@example.net'], 'x\n');
    assert.equal(ran.status, status, reply);
    assert.match(ran.stderr, told);
    assert.deepEqual(await host.queued(), []);
  }
});

test('without a farm the message is queued on disk, complete', async () => {
  const host = makeHost(`127.0.0.1:${await closedPort()}`);
  const ran = await host.sendmail(
    ['-v', '-f', 'ann@example.org', '-N', 'never', '-R', 'full', 'bob@example.net'],
    'Subject: hi\n\nb\xf6dy\n',
  );
  assert.equal(ran.status, EX.OK, ran.stderr);
  assert.match(ran.stderr, /^sendmail: queued as [0-9a-z]{19}; the farm delivers it when it runs\n$/);
  const [message] = await host.queued();
  assert.equal(message?.sender, 'ann@example.org');
  const line: unknown = JSON.parse(readFileSync(path.join(host.var, 'log', 'mailfarm.log'), 'utf8'));
  const { event, id, via } = line as Record<string, unknown>;
  assert.deepEqual([event, id, via], ['received', message.id, 'sendmail'], 'nobody else can log it');
  const raw = await host.raw(message.id);
  assert.match(
    raw,
    /^Received: \(user [^)]+\)\r\n\tby host\.example \(Mailfarm\) with local id [0-9a-z]{19}\r\n\tfor <bob@example\.net>;\r\n/,
  );
  assert.match(
    raw,
    /\r\nDate: .* \+0000\r\nMessage-ID: <[0-9a-z]{19}@host\.example>\r\nSubject: hi\r\nFrom: ann@example\.org\r\n\r\nb/,
  );
});

test('what is there is not added again', async () => {
  const host = makeHost(`127.0.0.1:${await closedPort()}`);
  await host.sendmail(['a@b.example'], 'Date: yesterday\nMessage-Id: <1@x>\nFrom: me\n\nx\n');
  const [message] = await host.queued();
  const raw = await host.raw(message?.id ?? '');
  for (const name of ['date', 'message-id', 'from']) {
    assert.equal(raw.toLowerCase().split(`\r\n${name}:`).length, 2, name);
  }
});

test('a farm that breaks off in the middle costs no message', async (t) => {
  const { host } = await withServer(t, (command) => (command === '.' ? undefined : acceptAll(command)));
  const ran = await host.sendmail(['a@b.example'], 'Subject: kept\n\nx\n');
  assert.equal(ran.status, EX.OK);
  assert.equal((await host.queued()).length, 1);
});

test('messages queued at once by many processes are all there', async () => {
  const host = makeHost(`127.0.0.1:${await closedPort()}`);
  const rans = await Promise.all(Array.from({ length: 6 }, () => host.sendmail(['a@b.example'], 'x\n')));
  assert.deepEqual(
    rans.map((ran) => ran.status),
    [0, 0, 0, 0, 0, 0],
  );
  assert.equal((await host.queued()).length, 6);
});

test('a queue that can not be written is trouble that may pass', async (t) => {
  if (process.getuid?.() === 0) return t.skip('root may write everywhere');
  const host = makeHost(`127.0.0.1:${await closedPort()}`);
  chmodSync(host.var, 0o500);
  const ran = await host.sendmail(['a@b.example'], 'x\n');
  chmodSync(host.var, 0o700);
  assert.equal(ran.status, EX.TEMPFAIL);
  assert.equal(
    ran.stderr,
    `sendmail: no farm answers, and this user may not write its queue in ${host.var}: try again later\n`,
  );
});

test('a var that this user may not enter is told in the same words', async (t) => {
  if (process.getuid?.() === 0) return t.skip('root may enter everywhere');
  const host = makeHost(`127.0.0.1:${await closedPort()}`);
  chmodSync(host.var, 0o000);
  const ran = await host.sendmail(['a@b.example'], 'x\n');
  chmodSync(host.var, 0o700);
  assert.equal(ran.status, EX.TEMPFAIL);
  assert.match(
    ran.stderr,
    /^sendmail: no farm answers, and this user may not write its queue in \/.*: try again later\n$/,
  );
});

test('-v with a recipient that is refused says who got it', async (t) => {
  const { host } = await withServer(t, (command) =>
    command.startsWith('RCPT TO:<bob') ? '550 5.1.1 no such user' : acceptAll(command),
  );
  const ran = await host.sendmail(['-v', 'ann@example.org', 'bob@example.net'], 'x\n');
  assert.equal(ran.status, EX.NOUSER);
  assert.match(ran.stderr, /^sendmail: taken by \S+: 250 ok, for ann@example\.org\nsendmail: bob@example\.net: 550/);
});

test('called as mailq it lists the queue; as newaliases, or with -bi, it says that there is nothing to do', async () => {
  const host = makeHost(`127.0.0.1:${await closedPort()}`);
  const folder = makeTemp('names');
  for (const name of ['mailq', 'newaliases']) symlinkSync(`${ROOT}bin/sendmail`, path.join(folder, name));
  const called = (name: string): string =>
    execFileSync(path.join(folder, name), { env: { ...process.env, ...host.env }, encoding: 'utf8' });
  assert.equal(called('mailq'), 'the queue is empty\n');
  assert.match(called('newaliases'), /^sendmail: nothing to do: .*mailfarm reload/);
  const ran = await host.sendmail(['-bi']);
  assert.deepEqual([ran.status, ran.stdout, ran.stderr], [EX.OK, called('newaliases'), '']);
});

test('a var that is not there is trouble that may pass', async () => {
  const host = makeHost(`127.0.0.1:${await closedPort()}`);
  const ran = await host.sendmail(['--var', '/nonexistent/var', 'a@b.example'], 'x\n');
  assert.equal(ran.status, EX.TEMPFAIL);
  assert.match(ran.stderr, /does not exist/);
});

test('wrong usage and wrong messages are told apart', async (t) => {
  const { host, server } = await withServer(t, acceptAll);
  assert.equal((await host.sendmail([])).status, EX.USAGE);
  assert.equal((await host.sendmail(['-bd'])).status, EX.USAGE);
  assert.equal((await host.sendmail(['-f', 'a b', 'c@d.example'])).status, EX.USAGE);
  assert.equal((await host.sendmail(['-t'], 'Subject: to nobody\n\n')).status, EX.DATAERR);
  assert.equal((await host.sendmail(['-q'])).status, EX.OK);
  assert.equal(server.messages.length, 0);
  const some = await host.sendmail(['good@example.org', 'two words'], 'x\n');
  assert.equal(some.status, EX.DATAERR);
  assert.match(some.stderr, /two words: /);
  assert.equal(server.messages.length, 1);
});

test('a wrong configuration is told with its place', async () => {
  const host = makeHost('nonsense');
  const ran = await host.sendmail(['a@b.example'], 'x\n');
  assert.equal(ran.status, EX.CONFIG);
  assert.match(ran.stderr, /mailfarm\.yaml:3/);
});

test('-bs carries a session, and answers 421 without a farm', async (t) => {
  const quitting = net.createServer((socket) => {
    socket.write('220 hello\r\n');
    socket.once('data', () => socket.end('221 bye\r\n'));
  });
  quitting.listen(0, '127.0.0.1');
  await once(quitting, 'listening');
  t.after(() => quitting.close());
  const address = quitting.address();
  assert.ok(typeof address === 'object' && address !== null);
  const session = await makeHost(`127.0.0.1:${address.port}`).sendmail(['-bs'], 'QUIT\r\n');
  assert.deepEqual([session.status, session.stdout], [EX.OK, '220 hello\r\n221 bye\r\n']);
  const down = await makeHost(`127.0.0.1:${await closedPort()}`).sendmail(['-bs'], 'QUIT\r\n');
  assert.equal(down.status, EX.TEMPFAIL);
  assert.match(down.stdout, /^421 4\.3\.2 host\.example .*\r\n$/);
});

test('-bs says QUIT where the input ends without one, and reports a session that had no goodbye', async (t) => {
  const { host } = await withServer(t, acceptAll);
  const input = 'EHLO here\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n';
  for (const last of ['NOOP\r\n', 'NOOP']) {
    const ran = await host.sendmail(['-bs'], input + last);
    assert.equal(ran.status, EX.OK, ran.stdout);
    assert.match(ran.stdout, /\r\n221 [^\r]*\r\n$/);
  }
  const rude = net.createServer((socket) => socket.on('error', () => {}).end('220 hello\r\n'));
  rude.listen(0, '127.0.0.1');
  await once(rude, 'listening');
  t.after(() => rude.close());
  const { port } = rude.address() as net.AddressInfo;
  assert.equal((await makeHost(`127.0.0.1:${port}`).sendmail(['-bs'], 'NOOP\r\n')).status, EX.TEMPFAIL);
});

test('-bs takes lines as a keyboard sends them', async (t) => {
  const { host, server } = await withServer(t, acceptAll);
  const typed = 'EHLO here\nMAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\nDATA\nSubject: s\n\ntyped\n.\nQUIT\n';
  const ran = await host.sendmail(['-bs'], typed);
  assert.equal(ran.status, EX.OK, ran.stdout);
  assert.deepEqual(server.messages, ['Subject: s\r\n\r\ntyped\r\n']);
});

test('-bs makes no message of an input that is cut off behind a dot', async (t) => {
  const { host, server } = await withServer(t, acceptAll);
  const envelope = 'EHLO here\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n';
  const ran = await host.sendmail(['-bs'], `${envelope}Subject: s\r\n\r\nfirst\r\n.`);
  assert.equal(ran.status, EX.TEMPFAIL, ran.stdout);
  assert.equal(server.messages.length, 0);
});

test('-bp lists the queue', async () => {
  const host = makeHost(`127.0.0.1:${await closedPort()}`);
  assert.equal((await host.sendmail(['-bp'])).stdout, 'the queue is empty\n');
  await host.sendmail(['a@b.example'], 'x\n');
  assert.equal(parseLines((await host.sendmail(['-bp', '--json'])).stdout).length, 1);
});
