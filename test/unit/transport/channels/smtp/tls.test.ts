import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { CLOSE, startScriptedServer, type ScriptedAnswer } from '../../../../support/scripted-smtp-server.ts';
import { openSession, Session } from '../../../../../src/transport/channels/smtp/session.ts';
import { waitFor } from '../../../../support/wait.ts';
import { makeJob, makeMessage, makeSessionDeliverer, SETTINGS, summarise } from '../../support.ts';

const CONTENT = 'Subject: x\r\n\r\nhello\r\n';
const OFFER = '250-x\r\n250-PIPELINING\r\n250 STARTTLS';
const SHORT = { greetingMs: 2000, commandMs: 2000 };

/** Offers STARTTLS with the self-signed certificate of smtp-server; tells which messages came encrypted. */
async function startTlsServer(): Promise<{
  readonly port: number;
  readonly secure: boolean[];
  close(): Promise<void>;
}> {
  const secure: boolean[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    logger: false,
    onData(stream, session, done) {
      secure.push(session.secure);
      stream.resume().on('end', () => done());
    },
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return { port, secure, close: () => new Promise((resolve) => server.close(resolve)) };
}

describe('opportunistic TLS', () => {
  it('encrypts without asking for a certificate that can be verified', async () => {
    const server = await startTlsServer();
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    for (let n = 0; n < 2; n += 1) {
      const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
      assert.equal(summarise(result)['a@b.test'], 'delivered 250 2.0.0', JSON.stringify(result));
    }
    await deliverer.close();
    await server.close();
    assert.deepEqual(server.secure, [true, true]);
  });

  it('is not tried when switched off', async () => {
    const server = await startTlsServer();
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`, { tls: 'none' });
    await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    await deliverer.close();
    await server.close();
    assert.deepEqual(server.secure, [false]);
  });

  const broken: readonly (readonly [string, ScriptedAnswer])[] = [
    ['is refused', '454 4.7.0 not now'],
    ['is followed by something else', '220 go\r\n250 not tls'],
    ['never begins', '220 go'],
    ['ends the connection', { raw: '220 go\r\n', ...CLOSE }],
  ];
  for (const [name, answer] of broken) {
    it(`goes on in the clear where it ${name}`, async () => {
      await using server = await startScriptedServer({ EHLO: OFFER, STARTTLS: answer });
      const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`, SHORT);
      const result = await deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
      await deliverer.close();
      assert.equal(summarise(result)['a@b.test'], 'delivered 250 2.0.0', JSON.stringify(result));
      assert.equal(server.sessions.at(-1)?.data.toString(), CONTENT);
    });
  }

  it('that is cut short is no reason to go on in the clear', async () => {
    await using server = await startScriptedServer({ EHLO: OFFER, STARTTLS: '220 go' });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    const result = deliverer.deliver(makeJob(['a@b.test']), makeMessage(CONTENT));
    await waitFor(() => server.sessions[0]?.lines.includes('STARTTLS'));
    await deliverer.close();
    assert.equal(summarise(await result)['a@b.test'], 'deferred 451 4.4.1');
    // Nor is another connection made over a signal that was given before.
    const target = { host: '127.0.0.1', address: '127.0.0.1', port: server.port };
    const opened = await openSession({ target, lmtp: false, settings: SETTINGS, signal: AbortSignal.abort() });
    assert.ok(!(opened instanceof Session) && opened.text === 'closing');
    assert.equal(server.sessions.length, 1);
  });
});
