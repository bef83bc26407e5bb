/**
 * The DNS servers to ask: those of the configuration, else those of the machine (resolv.conf(5)).
 *
 * The file is looked at once a minute at most, and read when it changed; synchronously, because it is small and local, and
 * DNS waits for no thread of the pool. Of it, only `nameserver` lines count: names are asked for as they stand.
 */
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { type NameServer, parseNameServer } from '../config/name-server.ts';

export interface ServersOptions {
  /** As in `smtp.resolvers`; empty: those of the machine. */
  readonly configured: readonly string[];
  readonly file?: string | undefined;
  /** Milliseconds on a clock that nobody sets. */
  readonly ticks: () => number;
}

const LOOK_EVERY_MS = 60_000;
/** As many as the C library takes of the file, and as many as make sense. */
const MAX_OF_FILE = 3;
const MAX_CONFIGURED = 8;
const MAX_FILE = 64 * 1024;
/** What resolv.conf(5) says of a file without servers. */
const FALLBACK: NameServer = { host: '127.0.0.1', port: 53 };

export class Servers {
  readonly #configured: readonly NameServer[];
  readonly #file: string;
  readonly #ticks: () => number;
  #ofFile: readonly NameServer[] = [FALLBACK];
  #stamp = '';
  #looked = -Infinity;

  constructor({ configured, file = '/etc/resolv.conf', ticks }: ServersOptions) {
    const parsed = configured.map(parseNameServer).filter((server) => server !== undefined);
    this.#configured = parsed.slice(0, MAX_CONFIGURED);
    this.#file = file;
    this.#ticks = ticks;
  }

  /** One at least. */
  current(): readonly NameServer[] {
    if (this.#configured.length > 0) return this.#configured;
    const now = this.#ticks();
    if (now - this.#looked >= LOOK_EVERY_MS) {
      this.#looked = now;
      this.#look();
    }
    return this.#ofFile;
  }

  /** A file that cannot be read, or is half written, leaves things as they are. */
  #look(): void {
    try {
      const { mtimeMs, size, ino } = statSync(this.#file);
      const stamp = `${mtimeMs} ${size} ${ino}`;
      if (stamp === this.#stamp || size > MAX_FILE) return;
      const servers = serversOf(readFileSync(this.#file, 'latin1'));
      this.#ofFile = servers.length > 0 ? servers : [FALLBACK];
      this.#stamp = stamp;
    } catch {
      // Looked at again in a minute.
    }
  }
}

function serversOf(text: string): readonly NameServer[] {
  const hosts = Array.from(text.matchAll(/^nameserver[ \t]+(\S+)/gm), ([, host = '']) => host);
  return hosts
    .filter((host) => isIP(host) !== 0)
    .slice(0, MAX_OF_FILE)
    .map((host) => ({ host, port: FALLBACK.port }));
}
