/**
 * For `mailfarmd --drain`: waits until the queue is empty, by asking the scheduler for its figures.
 *
 * Empty means: the injector walked the whole queue, and the scheduler knows of no message, three times in a row (a message
 * may be on its way from the router, and a bounce may follow its message). Held and corrupt messages do not count.
 */
import { pause } from '../base/deadline.ts';
import type { IpcTls } from '../ipc/address.ts';
import { connectPeer } from '../ipc/connect.ts';
import type { Stats } from '../ipc/insight.ts';
import { PROTOCOL_VERSION, type Hello } from '../ipc/messages.ts';

export interface EmptyQueueOptions {
  /** Socket of the scheduler. */
  readonly address: string;
  readonly tls?: IpcTls | undefined;
  /** The injector's walk ended, and none is asked for. */
  readonly walked: () => boolean;
  /** Stop waiting: the supervisor stops. */
  readonly stopping: () => boolean;
  /** Called with each answer of the scheduler once the walk ended. */
  readonly onStats: (stats: Stats) => void;
}

const POLL_MS = 200;
const ROUNDS = 3;
const ASK_MS = 5000;

/** Resolves when the queue is empty, or when the supervisor stops. */
export async function untilQueueEmpty(options: EmptyQueueOptions): Promise<void> {
  for (let empty = 0; empty < ROUNDS && !options.stopping();) {
    await pause(POLL_MS);
    const stats = options.walked() ? await askScheduler(options) : undefined;
    if (stats !== undefined) options.onStats(stats);
    empty = stats !== undefined && isEmpty(stats) && options.walked() ? empty + 1 : 0;
  }
}

function isEmpty(stats: Stats): boolean {
  return stats.active === 0 && stats.parked === 0 && !stats.walking;
}

async function askScheduler({ address, tls }: EmptyQueueOptions): Promise<Stats | undefined> {
  const self: Hello = { t: 'hello', v: PROTOCOL_VERSION, farm: 'cli', worker: 'drain', pid: process.pid };
  try {
    const peer = await connectPeer({ address, self, tls, deadlineMs: ASK_MS });
    try {
      const answer = await peer.request({ t: 'stats?' }, ASK_MS);
      return answer.t === 'stats' ? answer : undefined;
    } finally {
      peer.close();
    }
  } catch {
    // It is being replaced: ask again.
    return undefined;
  }
}
