import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, it } from 'node:test';
import { connectPeer } from '../../../src/ipc/connect.ts';
import { listenForPeers } from '../../../src/ipc/listen.ts';
import { PeerGone } from '../../../src/ipc/peer.ts';
import { waitFor } from '../../support/wait.ts';
import { CLIENT, SERVER, socketPath } from './support.ts';

function closeServer(server: net.Server, sockets: readonly net.Socket[]): Promise<void> {
  for (const socket of sockets) socket.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
}

describe('connecting', () => {
  it('asks for a worker when it is refused, and connects once somebody listens', async () => {
    const path = socketPath();
    let asked = 0;
    const connecting = connectPeer({ address: path, self: CLIENT, deadlineMs: 60_000, onWait: () => (asked += 1) });
    await waitFor(() => asked >= 2);
    const server = await listenForPeers({ path, self: SERVER, onPeer: () => undefined });
    const peer = await connecting;
    assert.equal(peer.hello.worker, SERVER.worker);
    peer.close();
    await server.close();
  });

  it('asks for a worker when the socket is there and nobody greets', async () => {
    const path = socketPath();
    const sockets: net.Socket[] = [];
    const server = net.createServer((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    let asked = 0;
    const connecting = connectPeer({ address: path, self: CLIENT, deadlineMs: 60_000, onWait: () => (asked += 1) });
    await waitFor(() => asked >= 2);
    // Now a worker takes the connection that waited all the time.
    for (const socket of sockets) socket.write(`[${JSON.stringify(SERVER)}]\n`);
    const peer = await connecting;
    assert.equal(sockets.length, 1);
    peer.close();
    await closeServer(server, sockets);
  });

  it('gives up at the deadline and says why', async () => {
    const path = socketPath();
    await assert.rejects(connectPeer({ address: path, self: CLIENT, deadlineMs: 50 }), (error) => {
      assert.ok(error instanceof PeerGone);
      return error.message.includes(path) && error.message.includes('ENOENT');
    });
  });

  it('gives up on an end of another version', async () => {
    const path = socketPath();
    const sockets: net.Socket[] = [];
    const server = net.createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.write(`[${JSON.stringify({ ...SERVER, v: 99 })}]\n`);
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await assert.rejects(connectPeer({ address: path, self: CLIENT, deadlineMs: 100 }), /speaks version 99/);
    await closeServer(server, sockets);
  });

  it('outlives ends that close before they greet', async () => {
    const path = socketPath();
    let refused = 0;
    const rude = net.createServer((socket) => {
      refused += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => rude.listen(path, resolve));
    const connecting = connectPeer({ address: path, self: CLIENT, deadlineMs: 60_000 });
    await waitFor(() => refused >= 3);
    await closeServer(rude, []);
    const server = await listenForPeers({ path, self: SERVER, onPeer: () => undefined });
    (await connecting).close();
    await server.close();
  });
});
