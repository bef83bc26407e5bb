import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startScriptedServer } from '../../../../support/scripted-smtp-server.ts';
import { startSink } from '../../../../support/sink.ts';
import { waitFor } from '../../../../support/wait.ts';
import { makeJob, makeMessage, makeSessionDeliverer, summarise } from '../../support.ts';

const CONTENT = 'Subject: x\r\n\r\nhello\r\n.\r\n..dots\r\n';

describe('delivery to an honest next hop', () => {
  it('delivers many messages over one session', async () => {
    await using sink = await startSink();
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${sink.port}`);
    for (let n = 0; n < 5; n += 1) {
      const result = await deliverer.deliver(makeJob(['a@b.test', 'c@b.test']), makeMessage(CONTENT));
      assert.deepEqual(summarise(result), { 'a@b.test': 'delivered 250 2.0.0', 'c@b.test': 'delivered 250 2.0.0' });
      assert.equal(result.trouble, undefined);
    }
    await deliverer.close();
    assert.equal(sink.sessions, 1);
    assert.equal(sink.ledger.length, 5);
    assert.equal(sink.ledger[0]?.content.toString(), CONTENT);
    assert.deepEqual(sink.ledger[0]?.to, ['a@b.test', 'c@b.test']);
  });

  it('streams what is not in memory', async () => {
    await using sink = await startSink();
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${sink.port}`);
    const content = `Subject: x\r\n\r\n${'.line of a large message\r\n'.repeat(20_000)}`;
    const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(content, {}, false));
    await deliverer.close();
    assert.equal(summarise(result)['a@b.test'], 'delivered 250 2.0.0');
    assert.equal(sink.ledger[0]?.content.toString(), content);
  });

  it('opens a new session after messagesPerConnection', async () => {
    await using sink = await startSink();
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${sink.port}`, { messagesPerConnection: 2 });
    for (let n = 0; n < 5; n += 1) await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    await deliverer.close();
    assert.deepEqual(
      sink.ledger.map(({ session }) => session),
      [1, 1, 2, 2, 3],
    );
  });

  it('says QUIT when nothing comes for a while', async () => {
    await using server = await startScriptedServer();
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`, { idleMs: 20 });
    await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    await waitFor(() => server.sessions[0]?.lines.at(-1) === 'QUIT');
    const again = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    assert.equal(summarise(again)['a@b.test'], 'delivered 250 2.0.0');
    assert.equal(server.sessions.length, 2);
    await deliverer.close();
  });

  it('gives each recipient its own answer', async () => {
    await using server = await startScriptedServer({
      RCPT: (line) =>
        line.includes('later') ? '451 4.2.1 greylisted' : line.includes('never') ? '550 5.1.1 unknown' : '250 ok',
    });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    const result = await deliverer.deliver(
      makeJob(['ok@b.test', 'later@b.test', 'never@b.test']),
      makeMessage(CONTENT),
    );
    await deliverer.close();
    assert.deepEqual(summarise(result), {
      'ok@b.test': 'delivered 250 2.0.0',
      'later@b.test': 'deferred 451 4.2.1',
      'never@b.test': 'failed 550 5.1.1',
    });
    assert.equal(result.verdicts[2]?.reply.remote, `[127.0.0.1]:${server.port}`);
  });

  it('sends no content when nobody is left, and keeps the session usable', async () => {
    let refuse = true;
    await using server = await startScriptedServer({
      RCPT: () => (refuse ? '550 5.1.1 unknown' : '250 ok'),
      DATA: () => (refuse ? '503 5.5.1 no recipients' : '354 go on'),
    });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    const first = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    assert.equal(summarise(first)['a@b.test'], 'failed 550 5.1.1');
    refuse = false;
    const second = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    assert.equal(summarise(second)['a@b.test'], 'delivered 250 2.0.0');
    assert.equal(server.sessions.length, 1);
    assert.ok(server.sessions[0]?.lines.includes('RSET'));
    await deliverer.close();
  });

  it('splits more than 100 recipients over transactions', async () => {
    await using sink = await startSink();
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${sink.port}`);
    const to = Array.from({ length: 250 }, (_, n) => `r${n}@b.test`);
    const result = await deliverer.deliver(makeJob(to), makeMessage(CONTENT));
    await deliverer.close();
    assert.equal(Object.keys(summarise(result)).length, 250);
    assert.deepEqual(
      sink.ledger.map((one) => one.to.length),
      [100, 100, 50],
    );
    assert.deepEqual(
      sink.ledger.flatMap((one) => [...one.to]),
      to,
    );
  });

  it('sends recipients refused as too many in another transaction at once', async () => {
    let taken = 0;
    await using server = await startScriptedServer({
      MAIL: () => ((taken = 0), '250 ok'),
      RCPT: () => ((taken += 1) > 2 ? '452 4.5.3 too many recipients' : '250 ok'),
    });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    const to = ['1@b.test', '2@b.test', '3@b.test', '4@b.test', '5@b.test'];
    const result = await deliverer.deliver(makeJob(to), makeMessage(CONTENT));
    await deliverer.close();
    assert.ok(to.every((recipient) => summarise(result)[recipient] === 'delivered 250 2.0.0'));
    assert.equal(server.sessions[0]?.lines.filter((line) => line === 'DATA').length, 3);
  });

  it('gives the parameters that the next hop offers, and no others', async () => {
    const envelope = {
      body: '8BITMIME',
      ret: 'HDRS',
      envid: 'id +1',
      recipients: [{ address: 'a@b.test', dsn: { notify: ['FAILURE', 'DELAY'], orcpt: 'rfc822;x+y@b.test' } }],
    } as const;
    await using offering = await startScriptedServer({
      EHLO: '250-x\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-DSN\r\n250 SIZE 100000',
    });
    await using plain = await startScriptedServer({ EHLO: '250 x' });
    for (const { port } of [offering, plain]) {
      const deliverer = makeSessionDeliverer(`[127.0.0.1]:${port}`);
      const result = await deliverer.deliver(makeJob(['a@b.test', 'other@b.test']), makeMessage(CONTENT, envelope));
      assert.equal(summarise(result)['a@b.test'], 'delivered 250 2.0.0');
      await deliverer.close();
    }
    assert.deepEqual(offering.sessions[0]?.lines.slice(1, 4), [
      `MAIL FROM:<sender@test.example> BODY=8BITMIME SIZE=${CONTENT.length} RET=HDRS ENVID=id+20+2B1`,
      'RCPT TO:<a@b.test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;x+2By@b.test',
      'RCPT TO:<other@b.test>',
    ]);
    assert.deepEqual(plain.sessions[0]?.lines.slice(1, 3), ['MAIL FROM:<sender@test.example>', 'RCPT TO:<a@b.test>']);
  });

  it('fails a message larger than the next hop takes, without sending it', async () => {
    await using server = await startScriptedServer({ EHLO: '250-x\r\n250 SIZE 10' });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    await deliverer.close();
    assert.equal(summarise(result)['a@b.test'], 'failed 552 5.3.4');
    assert.equal(server.sessions[0]?.lines.filter((line) => line.startsWith('MAIL')).length, 0);
  });

  it('fails internationalised addresses where SMTPUTF8 is not offered, and them alone', async () => {
    await using server = await startScriptedServer();
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    const mixed = await deliverer.deliver(makeJob(['é@b.test', 'a@b.test']), makeMessage(CONTENT, { smtputf8: true }));
    assert.deepEqual(summarise(mixed), { 'é@b.test': 'failed 553 5.6.7', 'a@b.test': 'delivered 250 2.0.0' });
    const sender = await deliverer.deliver(
      makeJob(['a@b.test']),
      makeMessage(CONTENT, { sender: 'ü@b.test', smtputf8: true }),
    );
    assert.deepEqual(summarise(sender), { 'a@b.test': 'failed 553 5.6.7' });
    await deliverer.close();
  });

  it('sends what was flagged SMTPUTF8 and needs it nowhere, also when it is not in memory', async () => {
    await using server = await startScriptedServer();
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    const body = `\r\n${'é and more\r\n'.repeat(1000)}`;
    const ascii = makeMessage(`${CONTENT.split('\r\n\r\n')[0]}\r\n${body}`, { smtputf8: true }, false);
    assert.deepEqual(summarise(await deliverer.deliver(makeJob(['a@b.test']), ascii)), {
      'a@b.test': 'delivered 250 2.0.0',
    });
    const header = makeMessage(`X-Pad: ${'x'.repeat(3000)}\r\nSubject: é\r\n${body}`, { smtputf8: true }, false);
    assert.deepEqual(summarise(await deliverer.deliver(makeJob(['a@b.test']), header)), {
      'a@b.test': 'failed 553 5.6.7',
    });
    await deliverer.close();
  });

  it('has patience with a next hop that looks up each recipient', async () => {
    await using server = await startScriptedServer({
      EHLO: '250 slow.test',
      RCPT: (_line, { socket }) => {
        setTimeout(() => socket.write('250 2.1.5 ok\r\n'), 300);
        return null;
      },
    });
    const short = { commandMs: 2000, dataMs: 100 };
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`, short);
    const to = Array.from({ length: 10 }, (_, n) => `u${n}@b.test`);
    const result = await deliverer.deliver(makeJob(to), makeMessage(CONTENT));
    await deliverer.close();
    assert.deepEqual([...new Set(Object.values(summarise(result)))], ['delivered 250 2.0.0'], JSON.stringify(result));
  });

  it('gives SMTPUTF8 where it is offered and asked for', async () => {
    await using server = await startScriptedServer({ EHLO: '250-x\r\n250 SMTPUTF8' });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    await deliverer.deliver(makeJob(['é@b.test']), makeMessage(CONTENT, { smtputf8: true }));
    await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT, { smtputf8: true }));
    await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    await deliverer.close();
    const mail = server.sessions[0]?.lines.filter((line) => line.startsWith('MAIL')) ?? [];
    assert.deepEqual(
      mail.map((line) => line.split(' SMTPUTF8').length - 1),
      [1, 1, 0],
    );
  });

  it('lets no address carry a second command', async () => {
    await using server = await startScriptedServer();
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    const result = await deliverer.deliver(
      makeJob(['a@b.test>\r\nRCPT TO:<x@b.test', 'ok@b.test']),
      makeMessage(CONTENT),
    );
    assert.equal(summarise(result)['ok@b.test'], 'delivered 250 2.0.0');
    assert.equal(result.verdicts[0]?.reply.status, '5.1.3');
    const sender = await deliverer.deliver(makeJob(['ok@b.test']), makeMessage(CONTENT, { sender: 'a\r\nDATA' }));
    assert.equal(sender.verdicts[0]?.reply.status, '5.1.7');
    await deliverer.close();
    assert.equal(server.sessions[0]?.lines.filter((line) => line.startsWith('RCPT')).length, 1);
  });

  it('tries HELO where EHLO is refused', async () => {
    await using server = await startScriptedServer({ EHLO: '502 what' });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    await deliverer.close();
    assert.equal(summarise(result)['a@b.test'], 'delivered 250 2.0.0');
    assert.deepEqual(server.sessions[0]?.lines.slice(0, 2), ['EHLO mx.mailfarm.test', 'HELO mx.mailfarm.test']);
  });

  it('sends nothing but settled line ends', async () => {
    await using server = await startScriptedServer();
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    await deliverer.deliver(makeJob(['a@b.test']), makeMessage('Subject: x\r\n\r\na\n.\nb\r.\rc\0\r\n'));
    await deliverer.close();
    assert.equal(server.sessions[0]?.data.toString(), 'Subject: x\r\n\r\na\r\n..\r\nb\r\n..\r\nc \r\n');
  });
});
