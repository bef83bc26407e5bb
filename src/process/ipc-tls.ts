/** The certificate that this farm's processes show one another at `tls://` addresses, from the configuration. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config, FarmName } from '../config/config.ts';
import type { IpcTls } from '../ipc/address.ts';

/** Undefined where every farm is on this machine. Throws when a file cannot be read. */
export function readIpcTls(config: Pick<Config, 'ipc' | 'paths'>): IpcTls | undefined {
  if (!config.ipc) return undefined;
  const read = (path: string): string => readFileSync(resolve(config.paths.etc, path), 'utf8');
  return { cert: read(config.ipc.cert), key: read(config.ipc.key), ca: read(config.ipc.ca) };
}

/** For the farm's own socket: one at a path is plain, whatever the others are. Throws as readIpcTls(). */
export function listenTls(config: Pick<Config, 'ipc' | 'paths' | 'farms'>, farm: FarmName): { readonly tls?: IpcTls } {
  const tls = config.farms[farm].socket.startsWith('tls://') ? readIpcTls(config) : undefined;
  return tls === undefined ? {} : { tls };
}
