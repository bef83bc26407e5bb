/**
 * The connecting end: tries until a worker greets, or the deadline passes.
 *
 * A stage may have no worker at this moment (lower bound 0, or it just died): the kernel then refuses, or lets the
 * connection wait unanswered. Either way `onWait` is called, so that the caller can ask the supervisor for a worker.
 */
import { errorText } from '../base/text.ts';
import { pause } from '../base/deadline.ts';
import { connectedEvent, dial, type IpcTls } from './address.ts';
import { shakeHands } from './hello.ts';
import type { Hello } from './messages.ts';
import { PeerGone, type Peer } from './peer.ts';

export interface ConnectOptions {
  readonly address: string;
  readonly self: Hello;
  readonly tls?: IpcTls | undefined;
  readonly deadlineMs: number;
  /** Nobody greeted within 100 ms, or the connection was refused; called again while that lasts. */
  readonly onWait?: (() => void) | undefined;
}

const PATIENCE_MS = 100;
const RETRY_MS = [5, 20, 50, 100, 200];

/** Resolves with a peer that said hello; rejects with PeerGone after the deadline. */
export async function connectPeer(options: ConnectOptions): Promise<Peer> {
  const until = performance.now() + options.deadlineMs;
  let why = 'no time';
  for (let attempt = 0; ; attempt += 1) {
    const left = until - performance.now();
    if (left <= 0) throw new PeerGone(`${options.address}: ${why}`);
    const peer = await attemptOnce(options, left);
    if (typeof peer !== 'string') return peer;
    why = peer;
    options.onWait?.();
    await pause(Math.min(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 200, Math.max(left, 1)));
  }
}

async function attemptOnce(options: ConnectOptions, leftMs: number): Promise<Peer | string> {
  const patience = options.onWait && setInterval(options.onWait, PATIENCE_MS);
  try {
    const socket = dial(options.address, options.tls);
    const refused = await new Promise<string | undefined>((resolve) => {
      const timer = setTimeout(() => resolve('not accepted in time'), leftMs);
      socket.once(connectedEvent(options.address), () => (clearTimeout(timer), resolve(undefined)));
      socket.once('error', (error) => (clearTimeout(timer), resolve(error.message)));
    });
    if (refused !== undefined) {
      socket.destroy();
      return refused;
    }
    return await shakeHands(socket, options.self, leftMs);
  } catch (error) {
    return errorText(error);
  } finally {
    clearInterval(patience);
  }
}
