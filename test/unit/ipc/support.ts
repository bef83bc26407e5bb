/** Two ends of a connection, and servers that say what a test wants them to say. */
import { once } from 'node:events';
import net from 'node:net';
import { connectPeer } from '../../../src/ipc/connect.ts';
import { makeHello } from '../../../src/ipc/hello.ts';
import { listenForPeers, type PeerServer } from '../../../src/ipc/listen.ts';
import type { Frame } from '../../../src/ipc/messages.ts';
import type { Peer } from '../../../src/ipc/peer.ts';
import { makeTemp } from '../../support/temp.ts';

export const SERVER = makeHello({ farm: 'router', worker: 'router-1-test' });
export const CLIENT = makeHello({ farm: 'acceptor', worker: 'acceptor-1-test' });

export interface Pair extends AsyncDisposable {
  readonly server: Peer;
  readonly client: Peer;
  readonly path: string;
}

export function socketPath(): string {
  return `${makeTemp('ipc')}/x.sock`;
}

/** A client and a server that said hello to each other. */
export async function openPair(): Promise<Pair> {
  const path = socketPath();
  const { promise, resolve } = Promise.withResolvers<Peer>();
  const listening = await listenForPeers({ path, self: SERVER, onPeer: resolve });
  const client = await connectPeer({ address: path, self: CLIENT, deadlineMs: 60_000 });
  const server = await promise;
  return {
    server,
    client,
    path,
    async [Symbol.asyncDispose]() {
      client.close();
      await listening.close();
    },
  };
}

/** A stage that takes what it is sent, or does what the test says with it. */
export interface Stage {
  readonly server: PeerServer;
  readonly frames: Frame[];
  readonly peers: Peer[];
}

export async function openStage(path: string, onFrame: (frame: Frame, peer: Peer) => void): Promise<Stage> {
  const frames: Frame[] = [];
  const peers: Peer[] = [];
  const server = await listenForPeers({
    path,
    self: SERVER,
    onPeer(peer) {
      peers.push(peer);
      peer.onFrame = (frame) => {
        frames.push(frame);
        onFrame(frame, peer);
      };
    },
  });
  return { server, frames, peers };
}

/** What a raw client sees: connects, writes, and resolves when the other end closed. */
export async function talkRaw(path: string, write: (socket: net.Socket) => void): Promise<string> {
  const socket = net.connect(path);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => socket.destroy());
  await once(socket, 'connect');
  write(socket);
  if (!socket.destroyed) await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}
