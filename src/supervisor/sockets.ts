/**
 * Binds listening sockets without listening: the only file that touches Node's internal handles.
 *
 * The supervisor must never listen itself: it would accept connections that nobody serves. It binds, keeps the
 * descriptor for its whole life, and each worker inherits it and listens on it; so a port stays open while workers come and
 * go, and the kernel picks the worker.
 */
import { chmodSync, lchownSync, lstatSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import { getSystemErrorName } from 'node:util';
import { errorCode, errorText } from '../base/text.ts';
import { parseListen, type ListenAddress } from '../config/listen-address.ts';
import { asOwner, ownerAt, type Owner } from '../process/as-owner.ts';

/** A bound socket. */
export interface Bound {
  /** As asked for: `127.0.0.1:0`, `[::1]:25`, `unix:run/x.sock`. */
  readonly address: string;
  /** As bound: with the real port. */
  readonly actual: string;
  readonly fd: number;
  /** File of a Unix socket. */
  readonly path?: string;
  /** Removes the file of a Unix socket, unless another one has its name by now. */
  close(): void;
}

export type BindResult =
  | { readonly ok: true; readonly bound: Bound }
  | { readonly ok: false; readonly code: string; readonly why: string };

/** What net._createServerHandle gives: libuv's TCP or pipe handle. Internal, there since Node 0.5 and used by node:cluster. */
interface Handle {
  readonly fd: number;
  close(): void;
  getsockname?(out: { address?: string; port?: number }): number;
}
type CreateHandle = (address: string, port: number, type: number, fd?: number, flags?: number) => Handle | number;

/**
 * Binds `host:port`, `[v6]:port`, `unix:PATH` or `tls://host:port`. A Unix socket is for its owner alone: `owner` where we are root,
 * or us. Only call it under the lock: it replaces stale socket files.
 */
export function bindSocket(address: string, owner?: Owner): BindResult {
  const target = parse(address);
  if (target === undefined) return { ok: false, code: 'EINVAL', why: 'not an address' };
  return target.kind === 'unix' ? bindUnix(address, target.path, owner) : bindTcp(address, target.host, target.port);
}

/** Listeners name Unix sockets as `unix:PATH`, farms by their bare path, and farms at a network address as `tls://…`. */
function parse(address: string): ListenAddress | undefined {
  if (address.startsWith('tls://')) return parseListen(address.slice(6));
  return parseListen(address) ?? (/^[^:]*\/[^:]*$/.test(address) ? parseListen(`unix:${address}`) : undefined);
}

function bindTcp(address: string, host: string, port: number): BindResult {
  const family = net.isIPv6(host) ? 6 : 4;
  const handle = createHandle(host, port, family);
  if (typeof handle === 'number') return failed(handle);
  const out: { port?: number } = {};
  // libuv keeps EADDRINUSE for listen(); asked for the name, it tells it now.
  const errno = handle.getsockname?.(out) ?? 0;
  if (errno !== 0) {
    handle.close();
    return failed(errno);
  }
  const actual = `${family === 6 ? `[${host}]` : host}:${out.port ?? port}`;
  return { ok: true, bound: { address, actual, fd: handle.fd, close: () => handle.close() } };
}

/** Bound under another name first: a handle that libuv closes removes the name that it was bound to, whatever that is by then. */
function bindUnix(address: string, path: string, owner: Owner | undefined): BindResult {
  const temporary = `${path}.new`;
  let handle: Handle | number | undefined;
  try {
    const actor = ownerAt(path, owner);
    return asOwner(actor, () => {
      // Anything but a socket in its place is somebody's file: left alone.
      if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false) {
        return { ok: false, code: 'EEXIST', why: `${path} is there and is no socket` };
      }
      rmSync(temporary, { force: true });
      handle = createHandle(temporary, -1, -1);
      if (typeof handle === 'number') return failed(handle);
      chmodSync(temporary, 0o600);
      if (owner !== undefined && actor === undefined) lchownSync(temporary, owner.uid, owner.gid);
      renameSync(temporary, path);
      return { ok: true, bound: { address, actual: address, fd: handle.fd, path, close: closer(handle, path, actor) } };
    });
  } catch (error) {
    const half = handle;
    if (typeof half === 'object') asOwner(owner, () => half.close());
    return { ok: false, code: errorCode(error) ?? 'EIO', why: errorText(error) };
  }
}

function closer(handle: Handle, path: string, owner: Owner | undefined): () => void {
  const { ino } = lstatSync(path);
  return () => {
    asOwner(owner, () => {
      handle.close();
      try {
        if (lstatSync(path).ino === ino) unlinkSync(path);
      } catch {
        // It is gone, or the disk does not let us: the next one to bind it replaces it.
      }
    });
  };
}

function createHandle(address: string, port: number, type: number): Handle | number {
  const create = (net as unknown as { readonly _createServerHandle: CreateHandle })._createServerHandle;
  return create(address, port, type);
}

function failed(errno: number): BindResult {
  const code = getSystemErrorName(errno);
  return { ok: false, code, why: code };
}
