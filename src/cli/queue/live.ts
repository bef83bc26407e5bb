/**
 * Working on messages while a farm runs: take them out of the scheduler's hands, and give them back.
 *
 * One owner (rule 4): a message is worked on only while the scheduler has lent it to us, or when it has all its
 * recipients held, which nobody works on. Should this process die in between, the closed connection gives back what we had
 * claimed, as it was. What goes on is never let go of before somebody else has it.
 */
import { pause } from '../../base/deadline.ts';
import type { Config } from '../../config/config.ts';
import { connectPeer } from '../../ipc/connect.ts';
import { openHandOn, type HandOn } from '../../ipc/hand-on.ts';
import { makeHello } from '../../ipc/hello.ts';
import type { Claimed } from '../../ipc/messages.ts';
import type { Peer } from '../../ipc/peer.ts';
import { resumeFrame } from '../../ipc/resume.ts';
import { readIpcTls } from '../../process/ipc-tls.ts';
import type { QueuedMessage } from '../../queue/queued-message.ts';

/** How long messages in delivery are asked for again. */
const BUSY_MS = 5000;
const ASK_AGAIN_MS = 200;
const REQUEST_MS = 10_000;

/** Which messages are ours, and why others are not. */
export interface Taken {
  readonly ours: ReadonlySet<string>;
  readonly refused: ReadonlyMap<string, string>;
}

/** The farm, from the point of view of a command that works on its queue. */
export interface Farm {
  /** The signal ends the wait for those that are in delivery. */
  take(messages: readonly QueuedMessage[], signal?: AbortSignal): Promise<Taken>;
  /** The scheduler takes the message as it is now, or forgets it; with `probe` it is tried even where its bin waits. */
  giveBack(id: string, now: QueuedMessage | undefined, probe: boolean): Promise<void>;
  /** Whoever lent us the messages ended: others may work on them. */
  readonly gone: boolean;
  /** Waits for what was handed on; the text tells when no router took all of it. */
  close(): Promise<string | undefined>;
}

/** Nothing runs: every message is ours, and the injector will find what is to be done. */
export const NO_FARM: Farm = {
  take: async (messages) => ({ ours: new Set(messages.map((message) => message.id)), refused: new Map() }),
  giveBack: async () => {},
  gone: false,
  close: async () => undefined,
};

/** Connects to the running farm. Rejects with PeerGone when its scheduler does not answer. */
export async function connectFarm(config: Config): Promise<Farm> {
  const self = makeHello({ farm: 'cli', worker: `queue-${process.pid}` });
  const tls = readIpcTls(config);
  const scheduler = await connectPeer({ address: config.farms.scheduler.socket, self, tls, deadlineMs: REQUEST_MS });
  return new RunningFarm(scheduler, openHandOn({ address: config.farms.router.socket, self, tls }));
}

class RunningFarm implements Farm {
  readonly #scheduler: Peer;
  readonly #router: HandOn;
  #closed = false;

  constructor(scheduler: Peer, router: HandOn) {
    this.#scheduler = scheduler;
    this.#router = router;
  }

  get gone(): boolean {
    return this.#scheduler.closed;
  }

  async take(messages: readonly QueuedMessage[], signal?: AbortSignal): Promise<Taken> {
    const ours = new Set<string>();
    const refused = new Map<string, string>();
    const held = new Set<string>(messages.filter(isHeld).map((message) => message.id));
    let ids = messages.map((message): string => message.id);
    for (const until = performance.now() + BUSY_MS; ids.length > 0;) {
      const claimed = await this.#claim(ids);
      for (const id of [...claimed.ids, ...claimed.unknown.filter((id) => held.has(id))]) ours.add(id);
      for (const id of claimed.busy) refused.set(id, 'it is in delivery at this moment: try again');
      for (const id of claimed.unknown) refused.set(id, 'the farm is just taking it up, or is done with it: try again');
      ids = ids.filter((id) => !ours.has(id));
      if (signal?.aborted || performance.now() >= until) break;
      if (ids.length > 0) await pause(ASK_AGAIN_MS);
    }
    for (const id of ours) refused.delete(id);
    return { ours, refused };
  }

  async giveBack(id: string, now: QueuedMessage | undefined, probe: boolean): Promise<void> {
    const frame = now && resumeFrame(now)?.frame;
    const resumed = frame && probe ? { ...frame, probe } : frame;
    const toRouter = resumed?.t === 'accepted';
    const goesOn = toRouter ? { routing: true } : { ...(resumed && { resumed }) };
    await this.#scheduler.request({ t: 'forget', ids: [id], probe, ...goesOn }, REQUEST_MS);
    // It is claimed until the router handed it on; close() waits for that.
    if (toRouter) void this.#router.send(resumed);
  }

  async close(): Promise<string | undefined> {
    if (this.#closed) return undefined;
    this.#closed = true;
    await waitForTaken(this.#router, Date.now() + REQUEST_MS);
    const left = this.#router.outstanding;
    await this.#router.close(0);
    this.#scheduler.close();
    return left > 0
      ? `no router took ${left} messages up: they wait as before, or until the farm is started anew`
      : undefined;
  }

  async #claim(ids: readonly string[]): Promise<Claimed> {
    const answer = await this.#scheduler.request({ t: 'claim', ids }, REQUEST_MS);
    if (answer.t === 'claimed') return answer;
    throw new Error(answer.t === 'refused' ? answer.why : `the scheduler answered ${answer.t}`);
  }
}

function isHeld(message: QueuedMessage): boolean {
  return message.recipients.length > 0 && message.recipients.every((one) => one.state === 'held');
}

async function waitForTaken(way: HandOn, deadline: number): Promise<void> {
  while (way.outstanding > 0 && Date.now() < deadline) await pause(10);
}
