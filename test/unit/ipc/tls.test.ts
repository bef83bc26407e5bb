import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseIpcAddress, type IpcTls } from '../../../src/ipc/address.ts';
import { connectPeer } from '../../../src/ipc/connect.ts';
import { listenForPeers, type PeerServer } from '../../../src/ipc/listen.ts';
import { bindSocket } from '../../../src/supervisor/sockets.ts';
import { makeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';
import { CLIENT, SERVER } from './support.ts';

const skip = spawnSync('openssl', ['version']).status !== 0 && 'no openssl here';
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A certificate of an authority of its own; `signer` makes both ends trust one authority. */
function makeTls(name: string, signer?: string): IpcTls & { readonly dir: string } {
  const dir = makeTemp(`tls-${name}`);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
  const ca = signer ?? dir;
  if (signer === undefined)
    openssl('req', '-x509', ...KEY, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=ca', '-days', '2');
  openssl('req', ...KEY, '-keyout', 'key.pem', '-out', 'csr.pem', '-subj', `/CN=${name}`);
  const sign = ['-CA', `${ca}/ca.pem`, '-CAkey', `${ca}/ca.key`, '-CAcreateserial', '-days', '2'];
  openssl('x509', '-req', '-in', 'csr.pem', ...sign, '-out', 'cert.pem');
  const read = (path: string): string => readFileSync(path, 'utf8');
  return { dir, cert: read(`${dir}/cert.pem`), key: read(`${dir}/key.pem`), ca: read(`${ca}/ca.pem`) };
}

interface Listening extends AsyncDisposable {
  readonly address: string;
  readonly server: PeerServer;
  readonly refused: string[];
}

async function listen(tls: IpcTls): Promise<Listening> {
  const result = bindSocket('127.0.0.1:0');
  assert.ok(result.ok);
  const { bound } = result;
  const refused: string[] = [];
  const onRefused = (why: string): void => void refused.push(why);
  const server = await listenForPeers({ fd: bound.fd, self: SERVER, tls, onPeer: () => undefined, onRefused });
  return { address: `tls://${bound.actual}`, server, refused, [Symbol.asyncDispose]: () => server.close() };
}

describe('a stage on another host', { skip }, () => {
  it('is reached by whoever shows a certificate of the same authority', async () => {
    const mine = makeTls('router');
    await using stage = await listen(mine);
    const tls = makeTls('acceptor', mine.dir);
    const peer = await connectPeer({ address: stage.address, self: CLIENT, tls, deadlineMs: 60_000 });
    assert.equal(peer.hello.worker, SERVER.worker);
    assert.equal(stage.server.peers.size, 1);
    peer.close();
  });

  it('refuses a certificate of another authority, one that signed itself, and none', async () => {
    const mine = makeTls('router');
    await using stage = await listen(mine);
    const foreign = makeTls('stranger');
    const wrong = [{ ...foreign, ca: mine.ca }, foreign];
    for (const tls of wrong) {
      await assert.rejects(connectPeer({ address: stage.address, self: CLIENT, tls, deadlineMs: 1000 }), {
        name: 'PeerGone',
      });
    }
    const { hostname, port } = new URL(stage.address.replace('tls:', 'http:'));
    const args = ['s_client', '-connect', `${hostname}:${port}`, '-quiet'];
    // Not spawnSync(): the stage is in this process, and must be able to answer.
    const client = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'ignore'], timeout: 60_000 });
    client.stdin.on('error', () => undefined);
    client.stdin.write(`[${JSON.stringify(CLIENT)}]\n`);
    let stdout = '';
    client.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    const [code] = (await once(client, 'close')) as [number | null];
    assert.notEqual(code, null, 'the stage hangs up');
    assert.doesNotMatch(stdout, /hello/, 'without a certificate nothing is told');
    await waitFor(() => stage.refused.length >= 3);
    assert.equal(stage.server.peers.size, 0);
  });

  it('is never spoken to without certificates', async () => {
    const address = 'tls://127.0.0.1:1';
    await assert.rejects(connectPeer({ address, self: CLIENT, deadlineMs: 50 }), /needs ipc\.cert/);
  });
});

describe('addresses of stages', () => {
  it('are paths, or a host and a port', () => {
    assert.deepEqual(parseIpcAddress('run/x.sock'), { path: 'run/x.sock' });
    assert.deepEqual(parseIpcAddress('tls://router.example:7000'), { host: 'router.example', port: 7000 });
    assert.deepEqual(parseIpcAddress('tls://[::1]:7000'), { host: '::1', port: 7000 });
    for (const wrong of ['tls://', 'tls://x', 'tls://x:y', 'tls://x:1:2', 'tls://::1:7']) {
      assert.throws(() => parseIpcAddress(wrong), TypeError, wrong);
    }
  });
});
