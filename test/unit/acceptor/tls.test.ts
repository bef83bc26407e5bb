/** TLS on a listener: STARTTLS without anything that came before it, and implicit TLS. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { waitFor } from '../../support/wait.ts';
import { runAcceptor, type RunningAcceptor } from './run-acceptor.ts';
import { SmtpClient } from './smtp-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'mf-tls-'));
const key = join(folder, 'key.pem');
const cert = join(folder, 'cert.pem');

/** False where there is no openssl to make a certificate with. */
function makeCertificate(): boolean {
  try {
    const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    execFileSync('openssl', [...request, '-keyout', key, '-out', cert, '-subj', '/CN=mx.test', '-days', '2'], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    // The tests say that they were skipped.
    return false;
  }
}

const skip = makeCertificate() ? false : 'no openssl to make a certificate with';

after(() => rmSync(folder, { recursive: true }));

describe('TLS', { skip }, () => {
  let acceptor: RunningAcceptor;

  before(async () => {
    acceptor = await runAcceptor({
      yaml: `
hostname: mx.test
listen:
  - { address: "127.0.0.1:0", role: mx, filters: [], tls: starttls, key: "${key}", cert: "${cert}" }
  - { address: "127.0.0.1:0", role: mx, filters: [], tls: implicit, key: "${key}", cert: "${cert}" }
domains: { local: [local.test], relay: [] }
`,
      change: (config) => ({ ...config, limits: { ...config.limits, commandMs: 2000 } }),
    });
  });
  after(() => acceptor.stop());

  const where = (listener: number) => ({ host: '127.0.0.1', port: acceptor.ports[listener] ?? 0 });

  it('answers a client that ended its side of the encrypted connection', async () => {
    const socket = tls.connect({ ...where(1), rejectUnauthorized: false });
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    await once(socket, 'data');
    socket.end('EHLO client.example\r\nNOOP\r\nQUIT\r\n');
    await once(socket, 'close');
    assert.match(text, /^220 [^]*\r\n250 [^]*\r\n221 [^\r]*\r\n$/);
  });

  it('by STARTTLS carries mail, and Received says so', async () => {
    const client = await SmtpClient.greeted(where(0));
    assert.match(await client.ask('STARTTLS foo'), /^501/);
    assert.match(await client.ask('STARTTLS'), /^220/);
    await client.startTls();
    assert.match(await client.ask('EHLO client.example'), /^250/);
    assert.match(await client.ask('STARTTLS'), /^50[0-3]/);
    assert.match(await client.send('Subject: x\r\n\r\n'), /^250/);
    const { handle } = await waitFor(() => acceptor.accepted.pop());
    const content = await acceptor.read(handle);
    assert.match(content, /with ESMTPS id/);
    assert.match(content, /using TLSv1/);
    client.close();
  });

  it('forgets what was said in plain text', async () => {
    const client = await SmtpClient.greeted(where(0));
    assert.match(await client.ask('MAIL FROM:<a@example.org>'), /^250/);
    assert.match(await client.ask('STARTTLS'), /^220/);
    await client.startTls();
    assert.match(await client.ask('RCPT TO:<user@local.test>'), /^503/);
    client.close();
  });

  it('throws away what came behind STARTTLS (CVE-2011-0411 and its kin)', async () => {
    const client = await SmtpClient.greeted(where(0));
    client.write('STARTTLS\r\nEHLO injected.example\r\nMAIL FROM:<injected@example.org>\r\n');
    assert.match(await client.reply(), /^220/);
    await client.startTls();
    assert.match(await client.ask('NOOP'), /^250 2\.0\.0 OK/);
    assert.match(await client.ask('RCPT TO:<user@local.test>'), /^503/);
    client.close();
  });

  it('may be there from the start', async () => {
    const secure = tls.connect({ ...where(1), rejectUnauthorized: false });
    await once(secure, 'secureConnect');
    const client = new SmtpClient(secure);
    assert.match(await client.reply(), /^220/);
    await client.ask('EHLO client.example');
    assert.match(await client.send('Subject: x\r\n\r\n'), /^250/);
    client.close();
  });

  it('that does not come after STARTTLS ends the session at the time limit, and nothing else', async () => {
    const client = await SmtpClient.greeted(where(0));
    assert.match(await client.ask('STARTTLS'), /^220/);
    await client.whenClosed();
    const other = await SmtpClient.greeted(where(0));
    assert.match(await other.ask('NOOP'), /^250/);
    other.close();
  });

  it('of a client that ended its side before the handshake ends the session at the time limit, too', async () => {
    const socket = net.connect({ ...where(0), allowHalfOpen: true });
    socket.resume();
    socket.write('STARTTLS\r\n');
    socket.end();
    await once(socket, 'close');
    await waitFor(() => acceptor.role.stats?.()['sessions'] === 0);
  });

  it('that is nonsense ends its connection and nothing else', async () => {
    const socket = net.connect(where(1));
    socket.on('error', () => undefined);
    socket.write('EHLO this is no handshake\r\n');
    await once(socket.resume(), 'close');
    const secure = tls.connect({ ...where(1), rejectUnauthorized: false });
    await once(secure, 'secureConnect');
    secure.destroy();
  });
});

describe('a TLS handshake before the session', { skip }, () => {
  let acceptor: RunningAcceptor;
  const sockets: net.Socket[] = [];

  before(async () => {
    acceptor = await runAcceptor({
      yaml: `
hostname: mx.test
listen:
  - { address: "127.0.0.1:0", role: mx, filters: [], tls: implicit, key: "${key}", cert: "${cert}" }
  - { address: "127.0.0.1:0", role: mx, filters: [] }
relay: { networks: ["127.0.0.3/32"] }
domains: { local: [local.test], relay: [] }
`,
      change: (config) => ({ ...config, limits: { ...config.limits, connections: 6, connectionsPerClient: 3 } }),
    });
  });
  after(() => acceptor.stop());
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await waitFor(() => sessions() === 0, { what: 'no session is left' });
  });

  const sessions = (): unknown => acceptor.role.stats?.()['sessions'];
  const from = (localAddress: string, listener = 0): net.TcpNetConnectOpts => ({
    host: '127.0.0.1',
    port: acceptor.ports[listener] ?? 0,
    localAddress,
    allowHalfOpen: true,
  });

  /** Connects and says nothing; `closed` when the server closed it. */
  async function silent(localAddress: string): Promise<{ readonly socket: net.Socket; closed: boolean }> {
    const socket = net.connect(from(localAddress)).on('error', () => undefined);
    sockets.push(socket);
    const made = { socket, closed: false };
    socket.on('close', () => (made.closed = true));
    socket.on('end', () => (made.closed = true));
    socket.resume();
    await once(socket, 'connect');
    return made;
  }

  async function greeting(localAddress: string): Promise<string> {
    const { socket } = await silent(localAddress);
    const secure = tls.connect({ socket, rejectUnauthorized: false });
    sockets.push(secure);
    secure.on('error', () => undefined);
    return new SmtpClient(secure).reply().catch(() => 'closed');
  }

  it('gives its place free when the client is gone', async () => {
    const gone = await Promise.all(['127.0.0.1', '127.0.0.1', '127.0.0.2'].map(silent));
    await waitFor(() => sessions() === 3);
    for (const { socket } of gone) socket.end();
    // Before the half minute that a handshake may take.
    await waitFor(() => gone.every(({ closed }) => closed), { deadline: 20_000, what: 'the server closes' });
    assert.match(await greeting('127.0.0.1'), /^220/);
  });

  it('counts as a session of its address, and as one in all', async () => {
    for (let n = 0; n < 3; n += 1) await silent('127.0.0.1');
    await waitFor(() => sessions() === 3);
    const fourth = await silent('127.0.0.1');
    await waitFor(() => fourth.closed);
    const plain = await SmtpClient.connect(from('127.0.0.1', 1));
    assert.match(await plain.reply(), /^421 4\.7\.0 /);
    plain.close();
    await waitFor(() => sessions() === 3);
    const line = acceptor.log.find(({ event }) => event === 'refused');
    assert.deepEqual([line?.fields['reason'], line?.fields['ip']], ['client-connections', '127.0.0.1']);
    assert.match(await greeting('127.0.0.2'), /^220/, 'another client has its place');
    assert.equal(sessions(), 4, 'and one only, once it has a session');
    assert.match(await greeting('127.0.0.2'), /^220/);
    assert.match(await greeting('127.0.0.2'), /^220/);
    assert.equal(await greeting('127.0.0.3'), 'closed', 'no place in all');
  });

  it('has no limit per address for trusted networks', async () => {
    for (let n = 0; n < 5; n += 1) await silent('127.0.0.3');
    assert.match(await greeting('127.0.0.3'), /^220/);
  });
});
