/** Addresses to listen on: `127.0.0.1:25`, `[::1]:25`, `localhost:25`, `unix:run/x.sock`. Never looks up a name. */
import { isIPv4, isIPv6 } from 'node:net';
import { normalize } from 'node:path';

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

/**
 * True when two addresses cannot both be listened at: `0.0.0.0:25` takes in every IPv4 address, `[::]:25` those of both
 * kinds. Port 0 is another port each time.
 */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => parseListen(canonicalListen(text) ?? ''));
  if (a === undefined || b === undefined) return false;
  if (a.kind === 'unix' || b.kind === 'unix') {
    return a.kind === 'unix' && b.kind === 'unix' && normalize(a.path) === normalize(b.path);
  }
  return a.port === b.port && a.port !== 0 && (takesIn(a.host, b.host) || takesIn(b.host, a.host));
}

function takesIn(host: string, other: string): boolean {
  return host === other || host === '::' || (host === '0.0.0.0' && isIPv4(other));
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
