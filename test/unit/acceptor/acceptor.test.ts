/** The role as a whole: durability before 250, hand-on, limits, slow clients, storage trouble, filters, draining. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Config } from '../../../src/config/config.ts';
import { waitFor } from '../../support/wait.ts';
import { runAcceptor, type RunningAcceptor, type RunOptions } from './run-acceptor.ts';
import { SmtpClient } from './smtp-client.ts';

const YAML = `
hostname: mx.test
listen: [ { address: "127.0.0.1:0", role: mx, name: mx, filters: [] } ]
relay: { networks: ["127.0.0.2/32"] }
domains: { local: [local.test], relay: [] }
`;
const FILTERED = YAML.replace('filters: []', 'filters: [structure]');
const MESSAGE = 'Subject: x\r\n\r\ntext\r\n';

let running: RunningAcceptor | undefined;
const clients: SmtpClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await running?.stop();
  running = undefined;
});

async function start(options: Partial<RunOptions> = {}): Promise<RunningAcceptor> {
  running = await runAcceptor({ yaml: YAML, ...options });
  return running;
}

async function connect(acceptor: RunningAcceptor, options: { readonly trusted?: boolean } = {}): Promise<SmtpClient> {
  const localAddress = options.trusted === true ? '127.0.0.2' : '127.0.0.1';
  const client = await SmtpClient.connect({ host: '127.0.0.1', port: acceptor.ports[0] ?? 0, localAddress });
  clients.push(client);
  return client;
}

async function greeted(acceptor: RunningAcceptor, options: { readonly trusted?: boolean } = {}): Promise<SmtpClient> {
  const client = await connect(acceptor, options);
  assert.match(await client.reply(), /^220 mx\.test ESMTP Mailfarm/);
  assert.match(await client.ask('EHLO client.example'), /^250 /);
  return client;
}

/** The configuration with other limits than the file can have. */
function withLimits(limits: Partial<RunningAcceptor['config']['limits']>): Pick<RunOptions, 'change'> {
  return { change: (config) => ({ ...config, limits: { ...config.limits, ...limits } }) };
}

function logged(acceptor: RunningAcceptor, event: string): Readonly<Record<string, unknown>>[] {
  return acceptor.log.filter((line) => line.event === event).map(({ fields }) => fields);
}

describe('an accepted message', () => {
  it('is in the queue before the 250, goes to the router and is logged', async () => {
    const acceptor = await start();
    const client = await greeted(acceptor);
    const answer = await client.send(MESSAGE, { to: ['user@local.test', 'other@local.test'] });
    const id = /queued as (\w+)$/.exec(answer)?.[1];
    assert.ok(id);
    const accepted = await waitFor(() => acceptor.accepted[0]);
    assert.ok(accepted.handle.startsWith(id));
    const content = await acceptor.read(accepted.handle);
    assert.match(
      content,
      /^Received: from client\.example\r\n\t\(\[127\.0\.0\.1\]\)\r\n\tby mx\.test \(Mailfarm\) with ESMTP id /,
    );
    assert.ok(content.endsWith(`\r\n${MESSAGE}`));
    const { sender, origin, tenant, recipients } = accepted.envelope;
    assert.equal(sender, 'a@example.org');
    assert.equal(tenant, 'default');
    assert.deepEqual(origin, { via: 'smtp', listener: 'mx', ip: '127.0.0.1', helo: 'client.example' });
    assert.equal(recipients.length, 2);
    const [line] = logged(acceptor, 'received');
    assert.equal(line?.['id'], id);
    assert.equal(line?.['recipients'], 2);
    assert.deepEqual(line?.['to'], ['user@local.test', 'other@local.test']);
    assert.equal(line?.['size'], content.length);
    assert.equal(acceptor.figures.jobs, 1);
  });

  it('keeps the wishes of MAIL and RCPT', async () => {
    const acceptor = await start();
    const client = await greeted(acceptor);
    await client.ask('MAIL FROM:<a@example.org> RET=HDRS ENVID=a+2Bb BODY=8BITMIME');
    await client.ask('RCPT TO:<user@local.test> NOTIFY=DELAY,FAILURE ORCPT=rfc822;u+2Bs@local.test');
    await client.ask('DATA');
    assert.match(await client.ask('Subject: x\r\n.'), /^250/);
    const { envelope } = await waitFor(() => acceptor.accepted[0]);
    assert.equal(envelope.ret, 'HDRS');
    assert.equal(envelope.envid, 'a+b');
    assert.equal(envelope.body, '8BITMIME');
    assert.deepEqual(envelope.recipients[0]?.dsn, { notify: ['DELAY', 'FAILURE'], orcpt: 'rfc822;u+s@local.test' });
  });

  it('may be large: it streams into a file', async () => {
    const acceptor = await start();
    const client = await greeted(acceptor);
    const body = `Subject: large\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(20_000)}`;
    assert.match(await client.send(body), /^250/);
    const { handle } = await waitFor(() => acceptor.accepted[0]);
    assert.ok((await acceptor.read(handle)).endsWith(body));
  });

  it('may come in single bytes', async () => {
    const acceptor = await start();
    const client = await greeted(acceptor);
    await client.ask('MAIL FROM:<a@example.org>');
    await client.ask('RCPT TO:<user@local.test>');
    await client.ask('DATA');
    const text = `Subject: x\r\n\r\n${'x.'.repeat(1500)}\r\n`;
    for (const byte of `${text}.\r\n`) {
      client.write(byte);
      await new Promise(setImmediate);
    }
    assert.match(await client.reply(), /^250/);
    const { handle } = await waitFor(() => acceptor.accepted[0]);
    assert.ok((await acceptor.read(handle)).endsWith(text));
  });

  it('is accepted once when the client ends before it has read the answer', async () => {
    const acceptor = await start();
    const client = await greeted(acceptor);
    await client.ask('MAIL FROM:<a@example.org>');
    await client.ask('RCPT TO:<user@local.test>');
    await client.ask('DATA');
    client.write(`${MESSAGE}.\r\n`);
    client.halfClose();
    await client.whenClosed();
    await waitFor(() => acceptor.accepted.length === 1);
    await acceptor.stop();
    assert.equal(acceptor.accepted.length, 1);
  });

  it('keeps all byte values but CR, LF and NUL', async () => {
    const acceptor = await start();
    const client = await greeted(acceptor);
    const bytes = Buffer.from([...Array(256).keys()].filter((byte) => byte !== 0 && byte !== 10 && byte !== 13));
    await client.ask('MAIL FROM:<a@example.org> BODY=8BITMIME');
    await client.ask('RCPT TO:<user@local.test>');
    await client.ask('DATA');
    client.write(Buffer.concat([Buffer.from('Subject: x\r\n\r\n'), bytes, Buffer.from('\r\n.\r\n')]));
    assert.match(await client.reply(), /^250/);
    const { handle } = await waitFor(() => acceptor.accepted[0]);
    assert.ok((await acceptor.read(handle)).endsWith(`${bytes.toString('latin1')}\r\n`));
  });
});

describe('a message that is cut off', () => {
  for (const how of ['close', 'reset', 'halfClose'] as const) {
    it(`leaves nothing behind (${how})`, async () => {
      const acceptor = await start();
      const client = await greeted(acceptor);
      await client.ask('MAIL FROM:<a@example.org>');
      await client.ask('RCPT TO:<user@local.test>');
      await client.ask('DATA');
      client.write(MESSAGE);
      client[how]();
      await waitFor(() => acceptor.role.stats?.()['sessions'] === 0);
      await acceptor.stop();
      assert.equal(acceptor.accepted.length, 0);
      assert.equal(logged(acceptor, 'received').length, 0);
    });
  }
});

describe('storage trouble', () => {
  it('is 452 at MAIL when there is too little space, and heals', async () => {
    const acceptor = await start({
      change: (config) => ({ ...config, queue: { ...config.queue, freeSpace: 2 ** 60 } }),
    });
    const client = await greeted(acceptor);
    assert.match(await client.ask('MAIL FROM:<a@example.org>'), /^452 4\.3\.1/);
    assert.match(await client.ask('NOOP'), /^250/);
  });

  it('is 451 at MAIL while the router does not take what is there', async () => {
    const acceptor = await start({ routerTakes: false, ...withLimits({ outstanding: 2 }) });
    const client = await greeted(acceptor);
    assert.match(await client.send(MESSAGE), /^250/);
    assert.match(await client.send(MESSAGE), /^250/);
    assert.match(await client.send(MESSAGE), /^451 4\.3\.2/);
  });

  it('is 451 at MAIL also when few messages wait for the router, of very many recipients', async () => {
    const acceptor = await start({ routerTakes: false, ...withLimits({ recipients: 100_000 }) });
    const client = await greeted(acceptor);
    const longest = `ORCPT=rfc822;${'"'.repeat(493)}`;
    const all = Array.from({ length: 3200 }, (_, n) => `RCPT TO:<user${n}@local.test> ${longest}\r\n`).join('');
    let messages = 0;
    while ((await client.ask('MAIL FROM:<a@example.org>')).startsWith('250') && messages < 30) {
      client.write(all);
      const answers: string[] = [];
      while (answers.length < 3200) answers.push(await client.reply());
      assert.ok(answers.at(0)?.startsWith('250') && answers.at(-1)?.startsWith('452 4.5.3'));
      assert.match(await client.ask('DATA'), /^354/);
      assert.match(await client.ask(`${MESSAGE}.`), /^250/);
      messages += 1;
    }
    assert.equal(messages, 22);
    assert.match(await client.ask('MAIL FROM:<a@example.org>'), /^451 4\.3\.2/);
  });
});

describe('limits', () => {
  it('hold for sessions in all, and a place that is free again is given again', async () => {
    const acceptor = await start(withLimits({ connections: 2 }));
    const first = await greeted(acceptor);
    await greeted(acceptor);
    const third = await connect(acceptor);
    assert.match(await third.reply(), /^421 4\.3\.2/);
    await third.whenClosed();
    first.close();
    await waitFor(() => acceptor.role.stats?.()['sessions'] === 1);
    await greeted(acceptor);
  });

  it('hold for sessions of one client, unless it is trusted', async () => {
    const acceptor = await start(withLimits({ connectionsPerClient: 1 }));
    await greeted(acceptor);
    assert.match(await (await connect(acceptor)).reply(), /^421 4\.7\.0/);
    await greeted(acceptor, { trusted: true });
    await greeted(acceptor, { trusted: true });
  });

  it('survive a storm of connections that close at once', async () => {
    const acceptor = await start();
    for (let round = 0; round < 5; round += 1) {
      const storm = await Promise.all(Array.from({ length: 40 }, () => connect(acceptor)));
      for (const client of storm) client.reset();
    }
    await waitFor(() => acceptor.role.stats?.()['sessions'] === 0);
    assert.match(await (await greeted(acceptor)).send(MESSAGE), /^250/);
  });
});

describe('slow clients', () => {
  it('get 421 when no command comes in time, also when they trickle', async () => {
    const acceptor = await start(withLimits({ commandMs: 1500 }));
    const silent = await greeted(acceptor);
    const trickling = await greeted(acceptor);
    const timer = setInterval(() => trickling.write('N'), 100);
    assert.match(await silent.reply(), /^421 4\.4\.2/);
    assert.match(await trickling.reply(), /^421 4\.4\.2/);
    clearInterval(timer);
    await silent.whenClosed();
  });

  it('get 421 when data trickles', async () => {
    const acceptor = await start(withLimits({ dataMs: 1200, commandMs: 60_000 }));
    const client = await greeted(acceptor);
    await client.ask('MAIL FROM:<a@example.org>');
    await client.ask('RCPT TO:<user@local.test>');
    await client.ask('DATA');
    const timer = setInterval(() => client.write('x'), 100);
    assert.match(await client.reply(), /^421 4\.4\.2/);
    clearInterval(timer);
    await acceptor.stop();
    assert.equal(acceptor.accepted.length, 0);
  });

  it('get 421 when the session is old, but not within a transaction', async () => {
    const acceptor = await start(withLimits({ sessionMs: 1200 }));
    const busy = await greeted(acceptor);
    await busy.ask('MAIL FROM:<a@example.org>');
    const idle = await greeted(acceptor);
    assert.match(await idle.reply(), /^421 4\.4\.2/);
    await busy.ask('RCPT TO:<user@local.test>');
    await busy.ask('DATA');
    assert.match(await busy.ask(`Subject: x\r\n.`), /^250/);
  });

  it('that never read our answers hold up nobody', async () => {
    const acceptor = await start();
    const deaf = await greeted(acceptor, { trusted: true });
    deaf.pause();
    for (let n = 0; n < 200; n += 1) deaf.write('HELP\r\n'.repeat(1000));
    assert.match(await (await greeted(acceptor)).send(MESSAGE), /^250/);
  });
});

/** One line to one worker, so that all checks go over it. */
function oneFilter(farms: Config['farms']): Config['farms'] {
  return { ...farms, filter: { ...farms.filter, most: 1 } };
}

describe('filters', () => {
  it('are asked before the answer, with the staged message', async () => {
    const acceptor = await start({
      yaml: FILTERED,
      verdict: (check) => ({ verdict: check.filters[0] === 'structure' ? 'accept' : 'reject' }),
    });
    assert.match(await (await greeted(acceptor)).send(MESSAGE), /^250/);
    const { handle } = await waitFor(() => acceptor.accepted[0]);
    assert.ok((await acceptor.read(handle)).endsWith(MESSAGE));
    assert.equal(logged(acceptor, 'filtered')[0]?.['verdict'], 'accept');
  });

  it('that crash cost a 451, and the session goes on', async () => {
    let crash = true;
    const acceptor = await start({
      yaml: FILTERED,
      verdict: (_check, peer) => {
        if (!crash) return { verdict: 'accept' };
        crash = false;
        peer.close();
        return undefined;
      },
    });
    const client = await greeted(acceptor);
    assert.match(await client.send(MESSAGE), /^451 4\.7\.0/);
    assert.equal(acceptor.accepted.length, 0);
    assert.match(await client.send(MESSAGE), /^250/);
    await waitFor(() => acceptor.accepted.length === 1);
  });

  it('that hang cost a 451, and are killed', async () => {
    const acceptor = await start({
      yaml: FILTERED,
      verdict: () => undefined,
      change: (config) => ({ ...config, filter: { timeoutMs: 1000 } }),
    });
    assert.match(await (await greeted(acceptor)).send(MESSAGE), /^451 4\.7\.0/);
    assert.equal(acceptor.killed[0]?.pid, process.pid);
    assert.equal(acceptor.accepted.length, 0);
  });

  it('that end in order cost nothing: what they have is answered, the next goes to another', async () => {
    let asked = 0;
    const acceptor = await start({
      yaml: FILTERED,
      verdict: (_check, peer) => {
        asked += 1;
        // It says so while the acceptor waits for this very verdict.
        if (asked === 1) peer.send({ t: 'leaving' });
        return { verdict: 'accept' };
      },
    });
    const client = await greeted(acceptor);
    for (let n = 0; n < 3; n += 1) assert.match(await client.send(MESSAGE), /^250/);
    await waitFor(() => acceptor.accepted.length === 3);
  });

  it('that are busy, not stuck, are not killed', async () => {
    let asked = 0;
    const acceptor = await start({
      yaml: FILTERED,
      verdict: () => {
        asked += 1;
        return asked === 1 ? undefined : { verdict: 'accept' };
      },
      change: (config) => ({ ...config, filter: { timeoutMs: 1000 }, farms: oneFilter(config.farms) }),
    });
    const [late, early] = await Promise.all([greeted(acceptor), greeted(acceptor)]);
    const waiting = late.send(MESSAGE);
    await waitFor(() => asked === 1);
    assert.match(await early.send(MESSAGE), /^250/);
    assert.match(await waiting, /^451 4\.7\.0/);
    assert.deepEqual(acceptor.killed, []);
  });

  it('that are not there cost a 451, and one is asked for', async () => {
    const acceptor = await start({
      yaml: FILTERED,
      change: (config) => ({ ...config, filter: { timeoutMs: 500 } }),
    });
    assert.match(await (await greeted(acceptor)).send(MESSAGE), /^451 4\.7\.0/);
    assert.ok(acceptor.woken.includes('filter'));
  });

  it('may quarantine: the client hears 250, the router nothing', async () => {
    const acceptor = await start({ yaml: FILTERED, verdict: () => ({ verdict: 'quarantine', by: 'test' }) });
    assert.match(await (await greeted(acceptor)).send(MESSAGE), /^250/);
    await acceptor.stop();
    assert.equal(acceptor.accepted.length, 0);
    assert.equal(logged(acceptor, 'quarantined').length, 1);
  });

  const large = `Subject: x\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(10_000)}`;
  for (const [size, text] of [
    ['small', MESSAGE],
    ['large', large],
  ] as const) {
    it(`may put lines on top of a ${size} message`, async () => {
      const acceptor = await start({
        yaml: FILTERED,
        verdict: () => ({ verdict: 'accept', prepend: 'X-Checked: yes\r\n' }),
      });
      const client = await greeted(acceptor);
      assert.match(await client.send(text), /^250/, JSON.stringify(logged(acceptor, 'storage')));
      const { handle } = await waitFor(() => acceptor.accepted[0]);
      const content = await acceptor.read(handle);
      assert.ok(content.startsWith('X-Checked: yes\r\nReceived: '));
      assert.ok(content.endsWith(text));
    });
  }
});

describe('a Unix socket', () => {
  it('is a listener like any other; who can open it is trusted', async () => {
    const yaml = YAML.replace('"127.0.0.1:0", role: mx', '"unix:run/in.sock", role: local, protocol: lmtp');
    const acceptor = await start({ yaml });
    const client = await SmtpClient.connect({ path: 'run/in.sock' });
    clients.push(client);
    assert.match(await client.reply(), /^220 mx\.test LMTP/);
    assert.match(await client.ask('LHLO client.example'), /^250/);
    assert.match(await client.send(MESSAGE, { to: ['x@elsewhere.test'] }), /^250/);
    const { envelope, handle } = await waitFor(() => acceptor.accepted[0]);
    assert.deepEqual(envelope.origin, { via: 'lmtp', listener: 'mx', helo: 'client.example' });
    assert.match(await acceptor.read(handle), /with LMTP id/);
  });
});

describe('draining', () => {
  it('tells idle sessions, and lets transactions end', async () => {
    const acceptor = await start();
    const idle = await greeted(acceptor);
    const busy = await greeted(acceptor);
    await busy.ask('MAIL FROM:<a@example.org>');
    const drained = acceptor.role.drain(Date.now() + 20_000);
    assert.match(await idle.reply(), /^421 4\.3\.2/);
    await idle.whenClosed();
    await busy.ask('RCPT TO:<user@local.test>');
    await busy.ask('DATA');
    assert.match(await busy.ask('Subject: x\r\n.'), /^250/);
    assert.match(await busy.reply(), /^421 4\.3\.2/);
    await drained;
    assert.equal(acceptor.accepted.length, 1);
  });

  it('leaves sessions a moment to send what they came for', async () => {
    const acceptor = await start();
    const client = await greeted(acceptor);
    const drained = acceptor.role.drain(Date.now() + 20_000);
    assert.match(await client.send(MESSAGE), /^250/);
    assert.match(await client.send(MESSAGE), /^250/);
    client.close();
    await drained;
    assert.equal(acceptor.accepted.length, 2);
  });

  it('tells the scheduler of the segment that is closed now', async () => {
    const acceptor = await start();
    await (await greeted(acceptor)).send(MESSAGE);
    await acceptor.stop();
    assert.equal(acceptor.segments.length, 1);
    assert.match(acceptor.segments[0]?.segment ?? '', /^journal\//);
    assert.equal(acceptor.segments[0]?.total, 1);
  });

  it('ends at its deadline whatever clients do', async () => {
    const acceptor = await start();
    const stuck = await greeted(acceptor);
    await stuck.ask('MAIL FROM:<a@example.org>');
    await acceptor.role.drain(Date.now() + 1000);
    await stuck.whenClosed();
  });

  it('says that it leaves mail behind which no router took, and is not idle before', async () => {
    const acceptor = await start({ routerTakes: false });
    const client = await greeted(acceptor);
    assert.match(await client.send(MESSAGE), /^250/);
    client.close();
    await waitFor(() => acceptor.role.stats?.()['sessions'] === 0);
    assert.equal(acceptor.role.stats?.()['busy'], 1);
    assert.equal(await acceptor.role.drain(Date.now() + 1000), 'unfinished');
  });

  it('says the same of a large message that waits for its line to be in the log', async () => {
    const change = (config: Config): Config => ({ ...config, queue: { ...config.queue, inline: 1 } });
    const acceptor = await start({ logAnswers: false, change });
    const client = await greeted(acceptor);
    assert.match(await client.send(MESSAGE), /^250/);
    client.close();
    await waitFor(() => acceptor.role.stats?.()['sessions'] === 0);
    assert.equal(acceptor.role.stats?.()['busy'], 1);
    assert.equal(await acceptor.role.drain(Date.now() + 1000), 'unfinished');
  });

  it('ends a session after RSET', async () => {
    const acceptor = await start();
    const client = await greeted(acceptor);
    await client.ask('MAIL FROM:<a@example.org>');
    const drained = acceptor.role.drain(Date.now() + 20_000);
    assert.match(await client.ask('RSET'), /^250/);
    assert.match(await client.reply(), /^421 4\.3\.2/);
    await drained;
  });
});
