/**
 * The listening end of a stage: every connection becomes a Peer after its hello.
 *
 * A client that stays silent, or says nonsense, loses its connection; it is counted and costs nobody else anything.
 */
import type { Socket } from 'node:net';
import { createIpcServer, type IpcTls } from './address.ts';
import { HELLO_MS, shakeHands } from './hello.ts';
import type { Hello } from './messages.ts';
import type { Peer } from './peer.ts';

export interface ListenOptions {
  /** An inherited descriptor, bound by the supervisor. */
  readonly fd?: number;
  /** A path, for tests and commands. */
  readonly path?: string;
  readonly self: Hello;
  readonly tls?: IpcTls;
  readonly onPeer: (peer: Peer) => void;
  /** A connection was refused: silent, not a hello, another version. */
  readonly onRefused?: (why: string) => void;
}

export interface PeerServer {
  readonly peers: ReadonlySet<Peer>;
  /** Stops to listen in this process; peers that are there stay. */
  stopListening(): Promise<void>;
  /** Stops to listen and closes every peer. */
  close(): Promise<void>;
}

/** Resolves when the socket listens; rejects when it cannot. */
export async function listenForPeers(options: ListenOptions): Promise<PeerServer> {
  const peers = new Set<Peer>();
  const greet = async (socket: Socket): Promise<void> => {
    socket.setNoDelay(true);
    const peer = await shakeHands(socket, options.self, HELLO_MS);
    if (typeof peer === 'string') return options.onRefused?.(peer);
    peers.add(peer);
    socket.once('close', () => peers.delete(peer));
    options.onPeer(peer);
  };
  const server = createIpcServer(options.tls, (socket) => void greet(socket));
  server.on('tlsClientError', (error: Error) => options.onRefused?.(error.message));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.fd === undefined ? { path: options.path } : { fd: options.fd }, () => {
      server.off('error', reject);
      // Running out of descriptors on accept must not end the process: the kernel keeps the connection waiting.
      server.on('error', (error) => options.onRefused?.(error.message));
      resolve();
    });
  });
  let stopped: Promise<void> | undefined;
  const stopListening = (): Promise<void> => {
    // close() resolves only when the last connection ended; that we stopped to listen is true at once.
    stopped ??= new Promise((resolve) => {
      server.close();
      resolve();
    });
    return stopped;
  };
  return {
    peers,
    stopListening,
    async close() {
      await stopListening();
      for (const peer of peers) peer.close();
    },
  };
}
