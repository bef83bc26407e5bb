/**
 * All bound sockets: one of each farm, and those of the listeners. A new configuration is bound as a whole or not at
 * all, and a socket whose address stays the same is kept, so that no port closes on a reload.
 */
import { lstatSync } from 'node:fs';
import type { Config, FarmName } from '../config/config.ts';
import type { Owner } from '../process/as-owner.ts';
import { FARMS } from '../process/farms.ts';
import { socketKeys } from '../process/socket-keys.ts';
import { bindSocket, type Bound } from './sockets.ts';

export interface SocketOptions {
  /** Bind the listeners too; `mailfarmd --drain` does not. */
  readonly listen: boolean;
  /** Gets the Unix sockets when we are root. */
  readonly owner?: Owner | undefined;
}

export interface BindProblem {
  readonly code: string;
  /** What could not be bound, and what to do about it. */
  readonly text: string;
}

interface Wish {
  /** Address, and which of several with the same one (port 0). */
  readonly key: string;
  readonly address: string;
  readonly place: string;
}

export class SocketTable {
  readonly #options: SocketOptions;
  #bound = new Map<string, Bound>();
  #farms = new Map<FarmName, string>();
  #listeners: string[] = [];

  constructor(options: SocketOptions) {
    this.#options = options;
  }

  /** Binds what a configuration asks for and closes what it does not; on a problem nothing has changed. */
  adopt(config: Config): BindProblem | undefined {
    const farms = farmWishes(config);
    const listeners = this.#options.listen ? listenerWishes(config) : [];
    const next = new Map<string, Bound>();
    for (const wish of [...farms.values(), ...listeners]) {
      const problem = this.#bind(wish, next);
      if (problem === undefined) continue;
      for (const [key, bound] of next) if (!this.#bound.has(key)) bound.close();
      return problem;
    }
    for (const [key, bound] of this.#bound) if (!next.has(key)) bound.close();
    this.#bound = next;
    this.#farms = new Map([...farms].map(([name, wish]) => [name, wish.key]));
    this.#listeners = listeners.map((wish) => wish.key);
    return undefined;
  }

  /** Binds anew every Unix socket whose file is gone; tells whose they are. */
  restore(): { readonly restored: ReadonlySet<FarmName>; readonly problems: readonly string[] } {
    const restored = new Set<FarmName>();
    const problems: string[] = [];
    for (const [key, bound] of this.#bound) {
      if (bound.path === undefined || isSocket(bound.path)) continue;
      const result = bindSocket(bound.address, this.#options.owner);
      if (result.ok) {
        this.#bound.set(key, result.bound);
        bound.close();
        restored.add(this.#farmOf(key));
      } else problems.push(`${bound.address}: ${result.why}`);
    }
    return { restored, problems };
  }

  #farmOf(key: string): FarmName {
    for (const [name, own] of this.#farms) if (own === key) return name;
    return 'acceptor';
  }

  /** Descriptors for a worker of a farm, by the names that it knows. */
  forFarm(name: FarmName): Map<string, number> {
    const fds = new Map<string, number>();
    const own = this.#bound.get(this.#farms.get(name) ?? '');
    if (own !== undefined) fds.set('farm', own.fd);
    // By address, never by place: a worker may read a newer configuration than that of its fork.
    if (FARMS[name].listens) for (const [key, bound] of this.#listening()) fds.set(`listen:${key}`, bound.fd);
    return fds;
  }

  /** Real addresses of the listeners. */
  addresses(): string[] {
    return this.#listening().map(([, bound]) => bound.actual);
  }

  #listening(): [string, Bound][] {
    return this.#listeners.flatMap((key) => {
      const bound = this.#bound.get(key);
      return bound === undefined ? [] : [[key, bound] as [string, Bound]];
    });
  }

  #remedy(result: { readonly code: string; readonly why: string }, wish: Wish): string {
    const port = portOf(wish.address);
    const ours = [...this.#bound.values()].find(({ actual }) => port !== undefined && portOf(actual) === port);
    if (result.code !== 'EADDRINUSE' || ours === undefined) return remedy(result, wish);
    return `this farm listens at ${ours.actual}, which is a part of it: stop the farm and start it, as a reload closes no port first`;
  }

  #bind(wish: Wish, next: Map<string, Bound>): BindProblem | undefined {
    const kept = this.#bound.get(wish.key);
    if (kept !== undefined) {
      next.set(wish.key, kept);
      return undefined;
    }
    const result = bindSocket(wish.address, this.#options.owner);
    if (!result.ok) return { code: result.code, text: `${wish.place}: ${wish.address}: ${this.#remedy(result, wish)}` };
    next.set(wish.key, result.bound);
    return undefined;
  }
}

function farmWishes(config: Config): Map<FarmName, Wish> {
  const wishes = new Map<FarmName, Wish>();
  for (const name of Object.keys(FARMS) as FarmName[]) {
    const { socket, most } = config.farms[name];
    const serves = !FARMS[name].listens && !FARMS[name].once;
    if (serves && most > 0) wishes.set(name, { key: `farm ${socket}`, address: socket, place: `farms.${name}.socket` });
  }
  return wishes;
}

function listenerWishes(config: Config): Wish[] {
  const addresses = config.listen.map(({ address }) => address);
  return socketKeys(addresses).map((key, index) => ({
    key,
    address: addresses[index] ?? '',
    place: `listen.${index}.address`,
  }));
}

function isSocket(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
  } catch {
    // Binding says why.
    return false;
  }
}

function portOf(address: string): string | undefined {
  return /:(\d+)$/.exec(address)?.[1];
}

function remedy({ code, why }: { readonly code: string; readonly why: string }, { address }: Wish): string {
  const file = !/:\d+$/.test(address);
  if (file && code === 'EACCES') return 'permission denied: the user of the workers may not write into its folder';
  if (file && code === 'ENOENT') return 'its folder is not there';
  if (code === 'EADDRINUSE')
    return 'the address is in use: stop the program that listens there (see: ss -ltnp), or choose another';
  if (code === 'EACCES')
    return 'permission denied: ports below 1024 need root or CAP_NET_BIND_SERVICE; choose a higher one';
  if (code === 'EADDRNOTAVAIL') return 'this machine has no such address';
  return why;
}
