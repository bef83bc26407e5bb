import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reply } from '../../../src/transport/replies.ts';
import { owingSuccess } from '../../../src/transport/success.ts';
import { startScriptedServer } from '../../support/scripted-smtp-server.ts';
import { startSink } from '../../support/sink.ts';
import { makeJob, makeMessage, makeSessionDeliverer, summarise } from './support.ts';

const OK = reply({ code: 250, status: '2.0.0', text: 'ok' });
const delivered = (...recipients: string[]) => ({ state: 'delivered' as const, recipients, reply: OK });
const { envelope: ENVELOPE } = makeMessage('');
const wants = (address: string, ...notify: string[]) => ({ address, dsn: { notify } });

describe('deliveries that are to be told', () => {
  it('are told apart where somebody asked, and nothing is touched where nobody did', () => {
    const verdicts = [delivered('a@b.test', 'c@b.test'), { ...delivered('d@b.test'), state: 'deferred' as const }];
    assert.equal(owingSuccess(verdicts, ENVELOPE, 'relayed'), verdicts);
    const failures = { ...ENVELOPE, recipients: [wants('a@b.test', 'FAILURE', 'DELAY')] };
    assert.equal(owingSuccess(verdicts, failures, 'relayed'), verdicts);
    const recipients = [wants('a@b.test', 'FAILURE', 'SUCCESS'), wants('d@b.test', 'SUCCESS')];
    assert.deepEqual(owingSuccess(verdicts, { ...ENVELOPE, recipients }, 'relayed'), [
      delivered('c@b.test'),
      { ...delivered('a@b.test'), state: 'succeeded', notice: 'relayed' },
      verdicts[1],
    ]);
    assert.equal(owingSuccess(verdicts, { ...ENVELOPE, recipients, sender: '' }, 'relayed'), verdicts);
    assert.equal(owingSuccess(verdicts, { ...ENVELOPE, recipients }, undefined), verdicts);
  });

  const message = makeMessage('Subject: x\r\n\r\nx\r\n', { recipients: [wants('a@b.test', 'SUCCESS')] });
  const notices = async (port: number, lmtp = false): Promise<unknown[]> => {
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${port}`, {}, lmtp);
    const result = await deliverer.deliver(makeJob(['a@b.test', 'alias@b.test']), message);
    await deliverer.close();
    const told = result.verdicts.map(({ notice }) => notice).filter((notice) => notice !== undefined);
    return [summarise(result), ...told];
  };
  const both = { 'a@b.test': 'succeeded 250 2.0.0', 'alias@b.test': 'delivered 250 2.0.0' };

  it('are relayed where the next hop offers no DSN, and delivered where it speaks LMTP', async () => {
    await using sink = await startSink();
    assert.deepEqual(await notices(sink.port), [both, 'relayed']);
    await using lmtp = await startSink({ protocol: 'lmtp' });
    assert.deepEqual(await notices(lmtp.port, true), [both, 'delivered']);
  });

  it('are nothing of ours where the next hop offers DSN', async () => {
    await using server = await startScriptedServer({ EHLO: '250-mx\r\n250 DSN' });
    const done = { 'a@b.test': 'delivered 250 2.0.0', 'alias@b.test': 'delivered 250 2.0.0' };
    assert.deepEqual(await notices(server.port), [done]);
  });
});
