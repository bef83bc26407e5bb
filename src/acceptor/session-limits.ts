/**
 * How many sessions a worker has, in all and of one client; a TLS handshake before its session counts as one.
 * Trusted clients count, but no limit per client holds for
 * them. The limit in all is kept below what the process may have open, so that a flood of connections never takes the
 * descriptors that the queue needs (F13).
 */
import { readFileSync } from 'node:fs';
import { REFUSALS, type Refusal } from './replies.ts';

export interface Limits {
  readonly connections: number;
  readonly connectionsPerClient: number;
}

/** Descriptors for journals, large messages, sockets of other stages, the log. */
const RESERVED = 64;

export class SessionLimits {
  readonly #limits: Limits;
  readonly #clients = new Map<string, number>();
  #total = 0;

  constructor(limits: Limits, openFiles = mayOpen()) {
    const most = openFiles > 2 * RESERVED ? openFiles - RESERVED : Math.floor(openFiles / 2);
    this.#limits = { ...limits, connections: Math.max(1, Math.min(limits.connections, most)) };
  }

  /** Most sessions in all. */
  get most(): number {
    return this.#limits.connections;
  }

  get total(): number {
    return this.#total;
  }

  /** Counts one more session. It has to leave() whatever the answer: a refused one holds a descriptor as well. */
  enter(ip: string, trusted: boolean): Refusal | undefined {
    const ofClient = (this.#clients.get(ip) ?? 0) + 1;
    this.#clients.set(ip, ofClient);
    this.#total += 1;
    if (this.#total > this.#limits.connections) return REFUSALS.connections;
    return !trusted && ofClient > this.#limits.connectionsPerClient ? REFUSALS.clientConnections : undefined;
  }

  leave(ip: string): void {
    const ofClient = (this.#clients.get(ip) ?? 1) - 1;
    if (ofClient > 0) this.#clients.set(ip, ofClient);
    else this.#clients.delete(ip);
    this.#total -= 1;
  }
}

/** RLIMIT_NOFILE of this process, where the system tells it. */
function mayOpen(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === undefined ? 1024 : Number(soft);
  } catch {
    // No Linux: what every Unix allows.
    return 1024;
  }
}
