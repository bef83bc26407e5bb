/**
 * Where a client connects to: a TCP address or a Unix socket, and the plain connection to it.
 *
 * A refused connection is an expected outcome and comes back as a value. Nothing is sent here.
 */
import net from 'node:net';
import { errorText } from '../base/text.ts';

export type Endpoint = { readonly host: string; readonly port: number } | { readonly path: string };

export type Connected =
  | { readonly ok: true; readonly socket: net.Socket }
  | { readonly ok: false; readonly why: string; readonly code: string | undefined };

/** Addresses that mean "every address of this machine", and where a client of the same machine finds them. */
const ANY: ReadonlyMap<string, string> = new Map([
  ['', '127.0.0.1'],
  ['*', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

/** Reads a listener's address: `host:port`, `[::1]:25` or `unix:path`. Undefined when it is none of these. */
export function parseEndpoint(address: string): Endpoint | undefined {
  if (address.startsWith('unix:')) return address.length > 5 ? { path: address.slice(5) } : undefined;
  const match = /^(?:tcp:\/\/)?(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(address);
  if (!match) return undefined;
  const host = match[1] ?? match[2] ?? '';
  const port = Number(match[3]);
  return port <= 65_535 ? { host: ANY.get(host) ?? host, port } : undefined;
}

/** `127.0.0.1:25`, `[::1]:25` or `unix:path`, for messages. */
export function formatEndpoint(endpoint: Endpoint): string {
  if ('path' in endpoint) return `unix:${endpoint.path}`;
  return endpoint.host.includes(':') ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`;
}

/** Opens the connection, within `deadlineMs` milliseconds. */
export function connectEndpoint(endpoint: Endpoint, deadlineMs: number): Promise<Connected> {
  return new Promise((resolve) => {
    const socket = net.connect(endpoint);
    const timer = setTimeout(
      () => socket.destroy(new Error(`no connection within ${Math.ceil(deadlineMs / 1000)} seconds`)),
      deadlineMs,
    );
    const onError = (error: NodeJS.ErrnoException): void => {
      clearTimeout(timer);
      resolve({ ok: false, why: errorText(error) || (error.code ?? 'no connection'), code: error.code });
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeListener('error', onError);
      resolve({ ok: true, socket });
    });
  });
}
