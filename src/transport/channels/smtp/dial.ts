/**
 * Opens a socket to a next hop, TCP or Unix, within a time limit. Never asks the system's resolver: addresses only.
 */
import { connect, type Socket } from 'node:net';

/** Where a session leads to. */
export interface Target {
  /** Name of the host, for logs and for TLS; the address itself where there is none. */
  readonly host: string;
  /** IP address, or the path of a Unix socket. */
  readonly address: string;
  /** Absent for a Unix socket. */
  readonly port?: number | undefined;
}

/** Resolves with the connected socket or with the reason why there is none. */
export function dial(target: Target, timeoutMs: number, signal: AbortSignal): Promise<Socket | Error> {
  // One that was given before is told to no listener.
  if (signal.aborted) return Promise.resolve(new Error('closing'));
  return new Promise((resolve) => {
    const { address, port } = target;
    const socket = port === undefined ? connect({ path: address }) : connect({ host: address, port });
    const timer = setTimeout(() => finish(new Error(`no connection after ${timeoutMs} ms`)), timeoutMs);
    const onAbort = (): void => finish(new Error('closing'));
    const onError = (error: Error): void => finish(error);
    const onConnect = (): void => finish(socket);
    function finish(result: Socket | Error): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.off('connect', onConnect);
      if (result instanceof Error) {
        socket.on('error', ignore);
        socket.destroy();
      }
      socket.off('error', onError);
      resolve(result);
    }
    socket.once('connect', onConnect).on('error', onError);
    signal.addEventListener('abort', onAbort);
  });
}

/** As a reply's `remote`: `mx.example.org [192.0.2.1]:25`. */
export function describeTarget({ host, address, port }: Target): string {
  if (port === undefined) return `unix:${address}`;
  return host === address ? `[${address}]:${port}` : `${host} [${address}]:${port}`;
}

function ignore(): void {
  // A socket that is given up may still fail.
}
