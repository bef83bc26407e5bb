/** A stage moves to a network address by a change of its address only. Whoever has no certificate of ours gets nowhere there. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import tls from 'node:tls';
import { PROTOCOL_VERSION } from '../../../src/ipc/messages.ts';
import { makeFolders, startFarm, type Farm } from '../../support/farm.ts';
import { countMaildir } from '../../support/maildir.ts';
import { sendMail } from '../../support/send-mail.ts';
import { startSink } from '../../support/sink.ts';
import { removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';
import { makeCertificate, readCertificate, type Certificate } from '../../support/certificates.ts';
import { findFreePorts } from '../support/free-ports.ts';

const MOVED = ['router', 'scheduler', 'filter', 'smtp', 'bounce'] as const;
const HELLO = `${JSON.stringify([{ t: 'hello', v: PROTOCOL_VERSION, farm: 'cli', worker: 'stranger', pid: 1 }])}\n`;

/** What a stage says to a client that greets it as a worker would; empty when it hangs up without a word. */
function greet(socket: net.Socket): Promise<string> {
  return new Promise((resolve) => {
    let heard = '';
    const timer = setTimeout(() => resolve(`still open after ${heard}`), 60_000);
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
      if (heard.includes('\n')) socket.destroy();
    });
    socket.on('error', () => {
      // Refused by an alert: the close follows.
    });
    socket.on('close', () => (clearTimeout(timer), resolve(heard)));
    socket.write(HELLO);
  });
}

async function sendThrough(farm: Farm, prefix: string): Promise<readonly string[]> {
  const to = ['anna@localhost', 'bob@far.example'];
  return (await sendMail({ port: farm.port, to, count: 50, sessions: 3, prefix })).accepted;
}

async function refusesStrangers(port: number, ours: Certificate, theirs: Certificate): Promise<void> {
  const at = { host: '127.0.0.1', port, checkServerIdentity: () => undefined };
  const { ca } = readCertificate(ours);
  assert.doesNotMatch(await greet(net.connect(at)), /hello/, 'without TLS');
  assert.equal(await greet(tls.connect({ ...at, ca })), '', 'without a certificate');
  assert.equal(await greet(tls.connect({ ...at, ...readCertificate(theirs), ca })), '', "with somebody else's");
}

describe('stages at network addresses', () => {
  it('pass mail as ever, show status and queue, and talk to nobody without our certificate', async (t) => {
    const folders = makeFolders();
    try {
      const ours = makeCertificate(folders.etc, 'ours');
      const theirs = makeCertificate(folders.etc, 'theirs');
      if (ours === undefined || theirs === undefined) return t.skip('no openssl');
      const ports = await findFreePorts(MOVED.length);
      await using sink = await startSink();
      await using farm = await startFarm({
        folders,
        set: [
          `routes=[{match: far.example, via: "smtp:[127.0.0.1]:${sink.port}"}]`,
          'domains.local=[localhost]',
          'listen.0.filters=[structure]',
          'retry.times=[1s]',
          ...MOVED.map((name, n) => `farms.${name}.socket=tls://127.0.0.1:${ports[n]}`),
          ...Object.entries(ours).map(([key, path]) => `ipc.${key}=${path}`),
        ],
      });
      const accepted = [...(await sendThrough(farm, 'first'))];
      await farm.drained();
      const status = await farm.command('mailfarm', ['status', '--json']);
      assert.equal(status.status, 0, status.stderr);
      const [port = 0] = ports;
      const friend = { host: '127.0.0.1', port, ...readCertificate(ours), checkServerIdentity: () => undefined };
      assert.match(await greet(tls.connect(friend)), /hello/, 'with ours');
      for (const other of ports) await refusesStrangers(other, ours, theirs);
      accepted.push(...(await sendThrough(farm, 'second')));
      await farm.drained();
      const dir = join(farm.var, 'mail', 'localhost', 'anna');
      await waitFor(() => countMaildir(dir) === accepted.length, { what: () => `local mail\n${farm.tail()}` });
      const counts = sink.counts();
      assert.deepEqual(
        accepted.filter((id) => counts.get(id) !== 1),
        [],
        'each exactly once',
      );
      assert.equal(farm.logLines().filter((line) => line.event === 'crashed').length, 0);
    } finally {
      removeTemp(folders.root);
    }
  });
});
