/** Addresses to listen on: `127.0.0.1:25`, `[::1]:25`, `localhost:25`, `unix:run/x.sock`. Never looks up a name. */
import { isIPv4, isIPv6 } from 'node:net';

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** Relative to the var directory, or absolute. */
  | { readonly kind: 'unix'; readonly path: string };

/** `sun_path` takes 107 bytes; a relative path is used as it stands. */
const MAX_SOCKET_PATH = 100;

/** Undefined when it is no such address. Port 0 lets the system choose (for tests). */
export function parseListen(text: string): ListenAddress | undefined {
  if (text.startsWith('unix:')) {
    const path = text.slice(5);
    return isSocketPath(path) ? { kind: 'unix', path } : undefined;
  }
  const match = /^(?:\[([^\]%]+)\]|([^[\]:]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  const [, six, other] = match;
  if (six !== undefined) return isIPv6(six) ? { kind: 'tcp', host: six, port } : undefined;
  const host = other === 'localhost' ? '127.0.0.1' : other;
  return host !== undefined && isIPv4(host) ? { kind: 'tcp', host, port } : undefined;
}

/** One spelling for each address: `localhost:25` is `127.0.0.1:25`. Undefined when it is no address. */
export function canonicalListen(text: string): string | undefined {
  const parsed = parseListen(text);
  if (parsed?.kind !== 'tcp') return parsed === undefined ? undefined : text;
  const { host, port } = parsed;
  return host.includes(':') ? `[${new URL(`http://[${host}]`).hostname.slice(1, -1)}]:${port}` : `${host}:${port}`;
}

/** True for a path that fits into a socket's name and does not climb out of its directory. */
export function isSocketPath(path: string): boolean {
  return (
    /^[\w./@+-]+$/.test(path) &&
    path.length <= MAX_SOCKET_PATH &&
    !path.split('/').includes('..') &&
    !path.endsWith('/')
  );
}
