/**
 * Where a stage's socket is: a path (`run/router.sock`, relative to var), or `tls://host:port` with mutual TLS.
 * Moving a stage to another host changes its address in etc/farms.yaml and nothing else.
 */
import net from 'node:net';
import tls from 'node:tls';

/** PEM texts for `tls://` addresses: both ends show a certificate that `ca` signed. */
export interface IpcTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

type Address = { readonly path: string } | { readonly host: string; readonly port: number };

/** Splits an address. Throws TypeError on one that the configuration should have refused. */
export function parseIpcAddress(address: string): Address {
  if (!address.startsWith('tls://')) return { path: address };
  const match = /^tls:\/\/(\[[0-9a-fA-F:]+\]|[^:[\]]+):(\d{1,5})$/.exec(address);
  if (match?.[1] === undefined || match[2] === undefined) throw new TypeError(`not an address: ${address}`);
  return { host: match[1].replace(/^\[|\]$/g, ''), port: Number(match[2]) };
}

/** Starts to connect. The socket emits `connect` or `secureConnect`, see connectedEvent(). */
export function dial(address: string, security: IpcTls | undefined): net.Socket {
  const target = parseIpcAddress(address);
  if ('path' in target) return net.connect(target.path);
  if (security === undefined) throw new TypeError(`${address} needs ipc.cert, ipc.key and ipc.ca`);
  // The certificate is checked against our own CA; names of hosts play no part in it.
  return tls.connect({ ...target, ...security, checkServerIdentity: () => undefined });
}

/** The event that says that the socket of dial() may be written to. */
export function connectedEvent(address: string): 'connect' | 'secureConnect' {
  return address.startsWith('tls://') ? 'secureConnect' : 'connect';
}

/** A server for an address of that form, not listening yet. */
export function createIpcServer(
  security: IpcTls | undefined,
  onSocket: (socket: net.Socket) => void,
): net.Server | tls.Server {
  if (security === undefined) return net.createServer(onSocket);
  return tls.createServer(
    { ...security, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' },
    onSocket,
  );
}
