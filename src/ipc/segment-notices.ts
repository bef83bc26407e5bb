/**
 * Tells the scheduler which journal segments this process closed, so that they can be removed in time. A notice is kept until
 * it was taken; one that is lost with this process is made good by the injector.
 */
import { errorText, errorCode } from '../base/text.ts';
import { pause } from '../base/deadline.ts';
import type { IpcTls } from './address.ts';
import { connectPeer } from './connect.ts';
import type { Hello } from './messages.ts';

export interface SegmentNoticesOptions {
  readonly address: string;
  readonly self: Hello;
  readonly tls?: IpcTls | undefined;
  readonly onTrouble?: (why: string) => void;
}

interface Notice {
  readonly segment: string;
  readonly total: number;
  readonly finished: readonly number[];
}

export interface SegmentNotices {
  /** Fits Store's onSegmentClosed. */
  readonly notify: (segment: string, total: number, finished: readonly number[]) => void;
  /** Waits until all notices are taken, at most until the deadline (ms since 1970). */
  finish(deadline: number): Promise<void>;
}

const ANSWER_MS = 5000;
const RETRY_MS = 1000;

export function openSegmentNotices(options: SegmentNoticesOptions): SegmentNotices {
  const waiting: Notice[] = [];
  let working: Promise<void> | undefined;
  let last = Infinity;
  const work = async (): Promise<void> => {
    while (waiting.length > 0 && Date.now() < last) {
      try {
        await deliver(waiting, options);
      } catch (error) {
        options.onTrouble?.(errorCode(error) ?? errorText(error));
        await pause(RETRY_MS);
      }
    }
    working = undefined;
  };
  return {
    notify(segment, total, finished) {
      waiting.push({ segment, total, finished });
      working ??= work();
    },
    async finish(deadline) {
      last = deadline;
      await working;
    },
  };
}

async function deliver(waiting: Notice[], options: SegmentNoticesOptions): Promise<void> {
  const { address, self, tls } = options;
  const peer = await connectPeer({ address, self, tls, deadlineMs: ANSWER_MS });
  try {
    for (let notice = waiting[0]; notice; notice = waiting[0]) {
      await peer.request({ t: 'segment', ...notice }, ANSWER_MS);
      waiting.shift();
    }
  } finally {
    peer.close();
  }
}
