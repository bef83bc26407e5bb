/** DELIVERBY towards next hops (RFC 2852): what goes along, and which of them get no mail that is to be returned when late. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeliverBy } from '../../../../../src/mail/envelope.ts';
import { startScriptedServer } from '../../../../support/scripted-smtp-server.ts';
import { makeJob, makeMessage, makeSessionDeliverer, summarise } from '../../support.ts';

const CONTENT = 'Subject: soon\r\n\r\nhello\r\n';

/** The outcome and the MAIL command, at a hop that announces these keywords. */
async function deliver(offer: string, deliverBy: DeliverBy, lmtp = false) {
  await using server = await startScriptedServer({
    EHLO: `250-scripted.test\r\n250-PIPELINING\r\n250 ${offer}`,
    LHLO: `250-scripted.test\r\n250 ${offer}`,
  });
  const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`, {}, lmtp);
  const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT, { deliverBy }));
  await deliverer.close();
  const mail = server.sessions.flatMap(({ lines }) => lines).find((line) => line.startsWith('MAIL'));
  return { outcome: summarise(result)['a@b.test'] ?? '', mail };
}

function within(seconds: number, mode: DeliverBy['mode'], trace?: true): DeliverBy {
  return { at: Date.now() + seconds * 1000, mode, ...(trace && { trace }) };
}

describe('a time for delivery', () => {
  it('goes along to a next hop that knows of it, with what is left', async () => {
    const { outcome, mail = '' } = await deliver('DELIVERBY 60', within(3600, 'R', true));
    assert.equal(outcome, 'delivered 250 2.0.0');
    const left = Number(/ BY=(\d+);RT$/.exec(mail)?.[1]);
    assert.ok(left > 3000 && left <= 3600, mail);
    assert.match((await deliver('DELIVERBY', within(-90, 'N'))).mail ?? '', / BY=-9\d;N$/);
  });

  it('in mode R is kept by giving the message to nobody who would keep it longer', async () => {
    for (const [offer, by] of [
      ['8BITMIME', within(3600, 'R')],
      ['DELIVERBY 7200', within(3600, 'R')],
      ['DELIVERBY', within(-1, 'R')],
    ] as const) {
      const { outcome, mail } = await deliver(offer, by);
      assert.equal(outcome, 'failed 554 5.4.7', offer);
      assert.equal(mail, undefined, offer);
    }
  });

  it('in mode N stops nothing, and LMTP delivers at once', async () => {
    for (const [by, lmtp] of [
      [within(3600, 'N'), false],
      [within(3600, 'R'), true],
    ] as const) {
      const { outcome, mail } = await deliver('8BITMIME', by, lmtp);
      assert.equal(outcome, 'delivered 250 2.0.0');
      assert.doesNotMatch(mail ?? '', /BY=/);
    }
  });
});
