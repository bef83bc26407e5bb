/** Mail to a smarthost and to an LMTP server: many recipients in one transaction, an answer for each of them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AS_OURSELVES, startFarm } from '../../support/farm.ts';
import { readMaildir } from '../../support/maildir.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { makeTemp, removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const RECIPIENTS = Array.from({ length: 50 }, (_, n) => `user${n}@far.example`);

function toSink(port: number): string {
  return `routes=[{match: "*", via: "smtp:[127.0.0.1]:${port}"}]`;
}

describe('relaying', () => {
  it('sends each message once, all recipients in one transaction, over few connections', async () => {
    await using sink = await startSink();
    await using farm = await startFarm({ set: [toSink(sink.port)] });
    const sent = await sendMail({ port: farm.port, to: RECIPIENTS, count: 200, sessions: 4 });
    assert.equal(sent.accepted.length, 200);
    await waitFor(() => sink.ledger.length >= 200, {
      what: () => `200 messages, there are ${sink.ledger.length}\n${farm.tail()}`,
    });
    await farm.drained();
    assert.equal(sink.ledger.length, 200);
    assert.deepEqual(new Set(sink.counts().keys()), new Set(sent.accepted));
    for (const received of sink.ledger) assert.deepEqual(received.to.toSorted(), RECIPIENTS.toSorted());
    assert.ok(sink.sessions <= 8, `connections: ${sink.sessions}`);
  });

  it('heeds the answer to each recipient', async () => {
    await using sink = await startSink({
      onRcpt: (to) => (to.startsWith('no') ? '550 5.1.1 no such user' : undefined),
    });
    await using farm = await startFarm({ set: [toSink(sink.port), 'domains.local=[localhost]'] });
    const to = ['yes1@far.example', 'no1@far.example', 'yes2@far.example', 'no2@far.example'];
    await sendMail({ port: farm.port, from: 'anna@localhost', to });
    const bounces = join(farm.var, 'mail', 'localhost', 'anna');
    const [bounce] = await waitFor(() => nonEmpty(readMaildir(bounces)), { what: () => `a bounce\n${farm.tail()}` });
    await farm.drained();
    assert.deepEqual(
      sink.ledger.map((one) => one.to),
      [['yes1@far.example', 'yes2@far.example']],
    );
    assert.equal(readMaildir(bounces).length, 1, 'one bounce for both');
    const text = bounce?.content.toString() ?? '';
    for (const failed of ['no1@far.example', 'no2@far.example']) {
      assert.match(text, new RegExp(`^Final-Recipient: rfc822; ?${failed}\\r?$`, 'mi'));
    }
    assert.doesNotMatch(text, /^Final-Recipient:.*yes/m);
  });

  it('speaks LMTP over a Unix socket and heeds its answer for each recipient', async () => {
    const dir = makeTemp('lmtp');
    try {
      const path = join(dir, 'lmtp.sock');
      await using sink = await startSink({
        protocol: 'lmtp',
        path,
        onData: (to) => (to.startsWith('full') ? '552 5.2.2 mailbox full' : undefined),
      });
      const routes = `routes=[{match: far.example, via: "lmtp:unix:${path}"}]`;
      await using farm = await startFarm({ set: [routes, 'domains.local=[localhost]', ...AS_OURSELVES] });
      const to = ['one@far.example', 'full@far.example', 'two@far.example'];
      await sendMail({ port: farm.port, from: 'anna@localhost', to });
      const bounces = join(farm.var, 'mail', 'localhost', 'anna');
      const [bounce] = await waitFor(() => nonEmpty(readMaildir(bounces)), { what: () => `a bounce\n${farm.tail()}` });
      await farm.drained();
      assert.deepEqual(sink.ledger.flatMap((one) => one.to).toSorted(), ['one@far.example', 'two@far.example']);
      assert.match(bounce?.content.toString() ?? '', /^Final-Recipient: rfc822; ?full@far\.example\r?$/im);
    } finally {
      removeTemp(dir);
    }
  });

  it('takes a message from one farm to the next', async () => {
    await using second = await startFarm({ set: ['domains.local=[far.example]', 'listen.0.role=mx'] });
    await using first = await startFarm({ set: [toSink(second.port)] });
    await sendMail({ port: first.port, to: ['anna@far.example'], count: 20, sessions: 2 });
    const dir = join(second.var, 'mail', 'far.example', 'anna');
    await waitFor(() => readMaildir(dir).length === 20, { what: () => `20 messages in ${dir}\n${second.tail()}` });
    await first.drained();
    await second.drained();
  });
});

function nonEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length > 0 ? list : undefined;
}
