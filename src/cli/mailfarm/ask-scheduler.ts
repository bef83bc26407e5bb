/** Asks the scheduler of the running farm one thing. */
import { errorText, oneLine } from '../../base/text.ts';
import type { Config } from '../../config/config.ts';
import { connectPeer } from '../../ipc/connect.ts';
import { makeHello } from '../../ipc/hello.ts';
import type { Dedicate, StatsRequest, TenantsRequest } from '../../ipc/insight.ts';
import type { Frame } from '../../ipc/messages.ts';
import { readIpcTls } from '../../process/ipc-tls.ts';

const ANSWER_MS = 3000;

export type Question = Omit<StatsRequest, 'n'> | Omit<TenantsRequest, 'n'> | Omit<Dedicate, 'n'>;

/** Its answer, of the wanted type; or why there is none, in one line. */
export async function askScheduler<T extends Frame['t']>(
  config: Config,
  question: Question,
  wanted: T,
): Promise<Extract<Frame, { t: T }> | string> {
  try {
    const peer = await connectPeer({
      address: config.farms.scheduler.socket,
      self: makeHello({ farm: 'cli', worker: `mailfarm-${process.pid}` }),
      tls: readIpcTls(config),
      deadlineMs: ANSWER_MS,
    });
    const answer = await peer.request(question, ANSWER_MS);
    peer.close();
    if (answer.t === wanted) return answer as Extract<Frame, { t: T }>;
    return answer.t === 'refused' ? oneLine(answer.why) : `it answered ${answer.t}`;
  } catch (error) {
    return oneLine(errorText(error));
  }
}
