/** The envelope of the next message leaves with the content of the one before: that it does, and what may go wrong with it. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, it } from 'node:test';
import type { DeliveryResult } from '../../../../../src/transport/deliverer.ts';
import type { SessionDeliverer } from '../../../../../src/transport/channels/smtp/deliverer.ts';
import { CLOSE, startScriptedServer } from '../../../../support/scripted-smtp-server.ts';
import { makeJob, makeMessage, makeSessionDeliverer, summarise } from '../../support.ts';

const CONTENT = 'Subject: x\r\n\r\nhello\r\n';

/** As a lane works: the next job begins when the deliverer says so, or when the one before is done. */
async function deliverAll(
  deliverer: SessionDeliverer,
  jobs: readonly (readonly string[])[],
): Promise<DeliveryResult[]> {
  const results: Promise<DeliveryResult>[] = [];
  for (const to of jobs) {
    await new Promise<void>((next) => {
      const result = deliverer.deliver(makeJob(to), makeMessage(CONTENT), next);
      results.push(result);
      void result.then(() => next());
    });
  }
  return Promise.all(results);
}

function states(results: readonly DeliveryResult[]): string[] {
  return results.flatMap((result) => Object.values(summarise(result)));
}

const ONE_EACH = Array.from({ length: 6 }, (_, n) => [`r${n}@b.test`]);

describe('an envelope that leaves with the content before it', () => {
  it('needs PIPELINING and a session that took a second message', async () => {
    for (const [pipelining, expected] of [
      [true, 4],
      [false, 0],
    ] as const) {
      let together = 0;
      await using server = await startScriptedServer({
        EHLO: pipelining ? '250-x\r\n250 PIPELINING' : '250 x',
        // What came with the end mark is in hand before its answer leaves.
        '.': (_line, heard) => {
          heard.socket.once('data', () => undefined);
          return '250 2.0.0 taken';
        },
      });
      const counting = watchTogether(server.sessions, () => (together += 1));
      const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
      const results = await deliverAll(deliverer, ONE_EACH);
      counting.stop();
      await deliverer.close();
      assert.deepEqual(new Set(states(results)), new Set(['delivered 250 2.0.0']));
      assert.equal(server.sessions.length, 1);
      assert.equal(together, expected);
    }
  });

  it('goes over a fresh session when the next hop forgot it, and none is sent so again', async () => {
    await using server = await startForgetful();
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`, { commandMs: 300 });
    const results = await deliverAll(deliverer, ONE_EACH);
    await deliverer.close();
    assert.deepEqual(new Set(states(results)), new Set(['delivered 250 2.0.0']));
    assert.equal(server.sessions(), 2);
  });

  it('is asked again where an answer too many came before its own', async () => {
    let contents = 0;
    const once = new Set<string>();
    await using server = await startScriptedServer({
      '.': () => ((contents += 1), contents === 2 ? '250 2.0.0 taken\r\n250 2.0.0 taken' : '250 2.0.0 taken'),
      RCPT: (line) => (line.includes('never') ? '550 5.1.1 nobody' : '250 2.1.5 ok'),
      DATA: (_line, { lines }) => (lines.at(-2)?.includes('never') && !once.has('x') ? '554 5.5.1 none' : '354 go on'),
    });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    const jobs = [['1@b.test'], ['2@b.test'], ['never@b.test', 'good@b.test'], ['4@b.test']];
    const results = await deliverAll(deliverer, jobs);
    await deliverer.close();
    assert.deepEqual(results.map(summarise), [
      { '1@b.test': 'delivered 250 2.0.0' },
      { '2@b.test': 'delivered 250 2.0.0' },
      { 'never@b.test': 'failed 550 5.1.1', 'good@b.test': 'delivered 250 2.0.0' },
      { '4@b.test': 'delivered 250 2.0.0' },
    ]);
  });

  it('is told apart from the content when the connection ends behind the end mark', async () => {
    let contents = 0;
    await using server = await startScriptedServer({ '.': () => ((contents += 1), contents === 3 ? CLOSE : '250 ok') });
    const deliverer = makeSessionDeliverer(`[127.0.0.1]:${server.port}`);
    const results = await deliverAll(deliverer, ONE_EACH);
    await deliverer.close();
    assert.deepEqual(states(results), [
      ...Array(2).fill('delivered 250 2.0.0'),
      'deferred 451 4.4.2',
      ...Array(3).fill('delivered 250 2.0.0'),
    ]);
  });
});

/** Calls back for each chunk that holds the end mark and what is behind it. */
function watchTogether(
  sessions: readonly { readonly socket: net.Socket }[],
  onTogether: () => void,
): { stop: () => void } {
  const seen = new Set<net.Socket>();
  const look = setInterval(() => {
    for (const { socket } of sessions) {
      if (seen.has(socket)) continue;
      seen.add(socket);
      socket.prependListener('data', (chunk: Buffer) => chunk.includes('\r\n.\r\nMAIL') && onTogether());
    }
  }, 0);
  return { stop: () => clearInterval(look) };
}

/** A next hop that throws away what came behind an end mark. */
async function startForgetful(): Promise<{
  port: number;
  sessions: () => number;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let inData = false;
    let text = '';
    socket.on('error', () => undefined);
    socket.write('220 forgetful\r\n');
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      while (text.includes(inData ? '\r\n.\r\n' : '\r\n')) {
        if (inData) {
          text = '';
          inData = false;
          socket.write('250 2.0.0 taken\r\n');
          continue;
        }
        const [line = ''] = text.split('\r\n', 1);
        text = text.slice(line.length + 2);
        if (line.startsWith('EHLO')) socket.write('250-x\r\n250 PIPELINING\r\n');
        else if (line.startsWith('DATA')) inData = socket.write('354 go on\r\n') || true;
        else if (line.startsWith('QUIT')) socket.end('221 bye\r\n');
        else socket.write('250 ok\r\n');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  return {
    port,
    sessions: () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
