/** One question to one server: what both ways, UDP and TCP, are given and give back. */
import { errorCode, errorText } from '../base/text.ts';
import type { NameServer } from '../config/name-server.ts';
import type { Expected, Message, Reply } from './message.ts';

export interface Exchange {
  readonly server: NameServer;
  readonly query: Buffer;
  readonly expected: Expected;
  /** When it must be over, by the clock of performance.now(). */
  readonly until: number;
  /** A packet came that is not the answer to this question. */
  readonly onForeign: () => void;
}

export type Heard =
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'truncated' }
  /** `ours`: this machine could not even ask. */
  | { readonly kind: 'failed'; readonly why: string; readonly ours: boolean };

/** What a reply to the question is worth. */
export function heard(reply: Exclude<Reply, { readonly kind: 'foreign' }>): Heard {
  return reply.kind === 'malformed' ? failed('the answer is broken') : reply;
}

/** Milliseconds for a timer that ends at `until`. */
export function msTo(until: number): number {
  return Math.max(1, Math.ceil(until - performance.now()));
}

export function failed(why: string, ours = false): Heard {
  return { kind: 'failed', why, ours };
}

/** For what a socket says; without addresses, because senders of mail may read it. */
export function failure(error: unknown, way: 'UDP' | 'TCP'): Heard {
  const code = errorCode(error);
  return failed(`the DNS server cannot be asked by ${way} (${code ?? errorText(error)})`, isOurs(code));
}

/** Out of descriptors, memory or ports: nothing that a server is to blame for. */
function isOurs(code: string | undefined): boolean {
  return code !== undefined && ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRINUSE', 'EAGAIN'].includes(code);
}
