/**
 * All bound sockets: one of each farm, and those of the listeners. A new configuration is bound as a whole or not at
 * all, and a socket whose address stays the same is kept, so that no port closes on a reload.
 */
import { accessSync, constants, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorText } from '../base/text.ts';
import type { Config, FarmName } from '../config/config.ts';
import { FARMS } from '../process/farms.ts';
import { bindSocket, type Bound, type Owner } from './sockets.ts';

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
  /** Bound once, and closed since, because their files were gone: nobody can inherit these. */
  readonly #lost = new Set<Bound>();
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
      for (const [key, bound] of next) if (this.#bound.get(key) !== bound) bound.close();
      return problem;
    }
    for (const [key, bound] of this.#bound) if (next.get(key) !== bound) this.#close(bound);
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
      if (bound.path === undefined) continue;
      const there = this.#lost.has(bound) ? 'nothing' : lookFor(bound.path);
      if (there === 'socket') continue;
      const problem = there === 'nothing' ? this.#rebind(key, bound, bound.path) : there.why;
      if (problem === undefined) restored.add(this.#farmOf(key));
      else problems.push(`${bound.address}: ${problem}`);
    }
    return { restored, problems };
  }

  #rebind(key: string, old: Bound, path: string): string | undefined {
    try {
      // The old one goes first, as its end removes the file; so only where there will be a new one.
      accessSync(dirname(path), constants.W_OK);
    } catch (error) {
      return errorText(error);
    }
    this.#close(old);
    this.#lost.add(old);
    const result = bindSocket(old.address, this.#options.owner);
    if (!result.ok) return result.why;
    this.#lost.delete(old);
    this.#bound.set(key, result.bound);
    return undefined;
  }

  #close(bound: Bound): void {
    if (!this.#lost.delete(bound)) bound.close();
  }

  #usable(key: string | undefined): Bound | undefined {
    const bound = this.#bound.get(key ?? '');
    return bound === undefined || this.#lost.has(bound) ? undefined : bound;
  }

  #farmOf(key: string): FarmName {
    for (const [name, own] of this.#farms) if (own === key) return name;
    return 'acceptor';
  }

  /** Descriptors for a worker of a farm, by the names that it knows; none of a socket that is lost. */
  forFarm(name: FarmName): Map<string, number> {
    const fds = new Map<string, number>();
    const own = this.#usable(this.#farms.get(name));
    if (own !== undefined) fds.set('farm', own.fd);
    if (FARMS[name].listens) for (const [index, bound] of this.#listening()) fds.set(`listen:${index}`, bound.fd);
    return fds;
  }

  /** Real addresses of the listeners. */
  addresses(): string[] {
    return this.#listening().map(([, bound]) => bound.actual);
  }

  #listening(): [number, Bound][] {
    return this.#listeners.flatMap((key, index) => {
      const bound = this.#usable(key);
      return bound === undefined ? [] : [[index, bound] as [number, Bound]];
    });
  }

  #bind(wish: Wish, next: Map<string, Bound>): BindProblem | undefined {
    const kept = this.#usable(wish.key);
    if (kept !== undefined) {
      next.set(wish.key, kept);
      return undefined;
    }
    const result = bindSocket(wish.address, this.#options.owner);
    if (!result.ok) return { code: result.code, text: `${wish.place}: ${wish.address}: ${remedy(result, wish)}` };
    next.set(wish.key, result.bound);
    return undefined;
  }
}

/** What there is in the place of a socket's file. */
function lookFor(path: string): 'socket' | 'nothing' | { readonly why: string } {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return 'nothing';
    return found.isSocket() ? 'socket' : { why: `${path} is there and is no socket` };
  } catch (error) {
    return { why: errorText(error) };
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
  const seen = new Map<string, number>();
  return config.listen.map(({ address }, index) => {
    const nth = seen.get(address) ?? 0;
    seen.set(address, nth + 1);
    // The same fixed address twice is bound twice, and the system's answer names the second.
    return { key: `${address} ${nth}`, address, place: `listen.${index}.address` };
  });
}

function remedy({ code, why }: { readonly code: string; readonly why: string }, { address }: Wish): string {
  const file = !/:\d+$/.test(address);
  if (file && code === 'EACCES') return 'permission denied: this user may not write into its folder';
  if (file && code === 'ENOENT') return 'its folder is not there';
  if (code === 'EADDRINUSE')
    return 'the address is in use: stop the program that listens there (see: ss -ltnp), or choose another';
  if (code === 'EACCES')
    return 'permission denied: ports below 1024 need root or CAP_NET_BIND_SERVICE; choose a higher one';
  if (code === 'EADDRNOTAVAIL') return 'this machine has no such address';
  return why;
}
