import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeHello } from '../../../src/ipc/hello.ts';
import { connectPeer } from '../../../src/ipc/connect.ts';
import { listenForPeers, type PeerServer } from '../../../src/ipc/listen.ts';
import { PROTOCOL_VERSION } from '../../../src/ipc/messages.ts';
import { waitFor } from '../../support/wait.ts';
import { CLIENT, SERVER, socketPath, talkRaw } from './support.ts';

interface Listening extends AsyncDisposable {
  readonly path: string;
  readonly server: PeerServer;
  readonly refused: string[];
  readonly greeted: string[];
}

async function listen(): Promise<Listening> {
  const path = socketPath();
  const refused: string[] = [];
  const greeted: string[] = [];
  const server = await listenForPeers({
    path,
    self: SERVER,
    onPeer: (peer) => void greeted.push(peer.hello.worker),
    onRefused: (why) => void refused.push(why),
  });
  return { path, server, refused, greeted, [Symbol.asyncDispose]: () => server.close() };
}

const hello = JSON.stringify(CLIENT);

describe('listening for peers', () => {
  it('greets whoever says hello', async () => {
    await using listening = await listen();
    const peer = await connectPeer({ address: listening.path, self: CLIENT, deadlineMs: 60_000 });
    await waitFor(() => listening.greeted.length === 1);
    assert.equal(listening.server.peers.size, 1);
    peer.close();
    await waitFor(() => listening.server.peers.size === 0);
  });

  it('refuses everything else, each with a reason, and goes on', async () => {
    await using listening = await listen();
    const cases: [string, RegExp][] = [
      ['garbage\n', /not JSON/],
      ['[{"t":"taken","n":1}]\n', /no hello/],
      [`[{"t":"taken","n":1},${hello}]\n`, /no hello/],
      [
        `[${JSON.stringify({ ...CLIENT, v: PROTOCOL_VERSION + 1 })}]\n`,
        new RegExp(`speaks version ${PROTOCOL_VERSION + 1}`),
      ],
      [`[${hello},{"t":"nonsense"}]\n`, /no known frame/],
      [`${'['.repeat(100_000)}\n`, /not JSON/],
      ['[{"t":"hello","v":"1"}]\n', /no known frame/],
      ['EHLO client.example\r\n', /not JSON/],
    ];
    for (const [text, why] of cases) {
      const before = listening.refused.length;
      await talkRaw(listening.path, (socket) => void socket.write(text));
      await waitFor(() => listening.refused.length === before + 1);
      assert.match(listening.refused.at(-1) ?? '', why, text.slice(0, 40));
    }
    assert.deepEqual(listening.greeted, []);
    const peer = await connectPeer({ address: listening.path, self: CLIENT, deadlineMs: 60_000 });
    peer.close();
  });

  it('refuses whoever goes in the middle of a hello', async () => {
    await using listening = await listen();
    await talkRaw(listening.path, (socket) => void socket.end(`[${hello.slice(0, 20)}`));
    await waitFor(() => listening.refused.length === 1);
    assert.match(listening.refused[0] ?? '', /closed before hello/);
  });

  it('takes the slot of a client that stays silent, while others are greeted', async () => {
    await using listening = await listen();
    const silent = talkRaw(listening.path, () => undefined);
    const peer = await connectPeer({ address: listening.path, self: CLIENT, deadlineMs: 60_000 });
    peer.close();
    const seen = await silent;
    assert.match(seen, /"t":"hello"/, 'it was told who is here');
    await waitFor(() => listening.refused.length === 1);
    assert.match(listening.refused[0] ?? '', /no hello in time/);
  });

  it('keeps peers when it stops to listen, and closes them when it closes', async () => {
    await using listening = await listen();
    const peer = await connectPeer({ address: listening.path, self: CLIENT, deadlineMs: 60_000 });
    await waitFor(() => listening.server.peers.size === 1);
    await listening.server.stopListening();
    assert.equal(peer.closed, false);
    await assert.rejects(connectPeer({ address: listening.path, self: CLIENT, deadlineMs: 100 }), { name: 'PeerGone' });
    await listening.server.close();
    await waitFor(() => peer.closed);
  });

  it('rejects when the socket cannot be made', async () => {
    const options = { path: '/nonexistent/folder/x.sock', self: SERVER, onPeer: () => undefined };
    await assert.rejects(listenForPeers(options), { code: /ENOENT|EACCES/ });
  });
});

describe('a hello', () => {
  it('says who speaks, and which version', () => {
    const hello = makeHello({ farm: 'router', worker: 'r' });
    assert.deepEqual(hello, { t: 'hello', v: PROTOCOL_VERSION, farm: 'router', worker: 'r', pid: process.pid });
  });
});
