import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CLOSE, startScriptedServer } from '../../../support/scripted-smtp-server.ts';
import { startSink } from '../../../support/sink.ts';
import { makeTemp } from '../../../support/temp.ts';
import { makeJob, makeMessage, makeSessionDeliverer, summarise } from '../support.ts';

const CONTENT = 'Subject: x\r\n\r\nhello\r\n';
const TO = ['a@b.test', 'b@b.test', 'c@b.test'];

describe('LMTP', () => {
  it('delivers over a Unix socket, with an answer for each recipient', async () => {
    const path = join(makeTemp('lmtp'), 'x.sock');
    await using sink = await startSink({
      protocol: 'lmtp',
      path,
      onData: (to) =>
        to.startsWith('b@') ? '552 5.2.2 mailbox full' : to.startsWith('c@') ? '451 4.3.0 later' : undefined,
    });
    const deliverer = makeSessionDeliverer(`unix:${path}`, {}, true);
    const result = await deliverer.deliver(makeJob(TO), makeMessage(CONTENT));
    await deliverer.close();
    assert.deepEqual(summarise(result), {
      'a@b.test': 'delivered 250 2.0.0',
      'b@b.test': 'failed 552 5.2.2',
      'c@b.test': 'deferred 451 4.3.0',
    });
    assert.equal(result.verdicts[0]?.reply.remote, `unix:${path}`);
    assert.equal(sink.ledger[0]?.content.toString(), CONTENT);
  });

  it('expects no answer for recipients that were refused before', async () => {
    let refuse = true;
    await using server = await startScriptedServer({
      RCPT: (line) => (refuse && line.includes('b@') ? '550 5.1.1 unknown' : '250 ok'),
      '.': () => (refuse ? '250 2.0.0 first\r\n451 4.2.0 third' : '250 1\r\n250 2\r\n250 3'),
    });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`, {}, true);
    const result = await deliverer.deliver(makeJob(TO), makeMessage(CONTENT));
    assert.deepEqual(summarise(result), {
      'a@b.test': 'delivered 250 2.0.0',
      'b@b.test': 'failed 550 5.1.1',
      'c@b.test': 'deferred 451 4.2.0',
    });
    refuse = false;
    const second = await deliverer.deliver(makeJob(TO), makeMessage(CONTENT));
    assert.ok(TO.every((recipient) => summarise(second)[recipient] === 'delivered 250 2.0.0'));
    assert.equal(server.sessions.length, 1);
    assert.equal(server.sessions[0]?.lines[0], 'LHLO mx.mailfarm.test');
    await deliverer.close();
  });

  it('keeps the answers that came before the connection was lost', async () => {
    for (const rest of ['', '421 4.3.2 going down\r\n']) {
      await using server = await startScriptedServer({ '.': { raw: `250 2.0.0 first\r\n${rest}`, ...CLOSE } });
      const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`, {}, true);
      const result = await deliverer.deliver(makeJob(TO), makeMessage(CONTENT));
      await deliverer.close();
      const states = TO.map((recipient) => summarise(result)[recipient]?.split(' ')[0]);
      assert.deepEqual(states, ['delivered', 'deferred', 'deferred'], JSON.stringify(result));
    }
  });

  it('defers where nobody listens', async () => {
    const deliverer = makeSessionDeliverer(`unix:${join(makeTemp('lmtp'), 'none.sock')}`, {}, true);
    const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    assert.equal(summarise(result)['a@b.test'], 'deferred 451 4.4.1');
    assert.notEqual(result.trouble, undefined);
  });
});
