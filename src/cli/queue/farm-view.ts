/**
 * What the running farm adds to what the files say of a message: whither it goes, and what it waits for. The files know what was
 * tried; that a whole bin waits for its next hop only the scheduler knows. Without a farm the files are all there is.
 */
import type { Config } from '../../config/config.ts';
import { connectPeer } from '../../ipc/connect.ts';
import { makeHello } from '../../ipc/hello.ts';
import type { WherePart } from '../../ipc/insight.ts';
import type { Peer } from '../../ipc/peer.ts';
import { readIpcTls } from '../../process/ipc-tls.ts';
import type { RecipientState } from '../../queue/fold.ts';
import type { QueuedMessage } from '../../queue/queued-message.ts';
import type { SeenMessage } from './selectors.ts';

/** For a farm to answer: one that does not is no reason to show nothing. */
const ANSWER_MS = 3000;
/** Messages asked for at a time. */
const BATCH = 100;

/** The farm runs, and did not say what only it knows. */
class FarmSilent extends Error {
  constructor() {
    super('the scheduler of the farm does not answer, and --hop and --reply ask for what only it knows: try again');
  }
}

/**
 * The same messages, in their order, with what the farm knows of them. `farm`: the configuration of the one that runs, if one does.
 * `needed`: rejects with FarmSilent when it does not answer even once.
 */
export async function* seenByFarm(
  messages: AsyncIterable<QueuedMessage>,
  farm: Config | undefined,
  needed = false,
): AsyncGenerator<SeenMessage> {
  if (!farm) return yield* messages;
  const scheduler = await connect(farm);
  if (!scheduler && needed) throw new FarmSilent();
  if (!scheduler) return yield* messages;
  let silent = needed;
  const see = async (batch: readonly QueuedMessage[]): Promise<readonly SeenMessage[]> => {
    const seen = await ask(scheduler, batch);
    if (!seen && silent) throw new FarmSilent();
    silent = false;
    return seen ?? batch.map((message) => merge(message, []));
  };
  try {
    let batch: QueuedMessage[] = [];
    for await (const message of messages) {
      batch.push(message);
      if (batch.length < BATCH) continue;
      yield* await see(batch);
      batch = [];
    }
    yield* await see(batch);
  } finally {
    scheduler.close();
  }
}

/** One message as its scheduler sees it. */
export interface CloseView {
  readonly parts: readonly WherePart[];
  /** A command has it in hand. */
  readonly claimed: boolean;
}

/** Asks for single messages, closely; undefined when the scheduler does not answer. Close it. */
export async function openCloseView(
  farm: Config,
): Promise<{ of(id: string): Promise<CloseView | undefined>; close(): void } | undefined> {
  const scheduler = await connect(farm);
  if (!scheduler) return undefined;
  return {
    async of(id) {
      try {
        const answer = await scheduler.request({ t: 'where?', ids: [id], closely: true }, ANSWER_MS);
        if (answer.t !== 'where') return undefined;
        return { parts: answer.parts, claimed: answer.claimed?.includes(id) === true };
      } catch {
        // Gone, or slow: what the files tell is all there is.
        return undefined;
      }
    },
    close: () => scheduler.close(),
  };
}

async function connect(config: Config): Promise<Peer | undefined> {
  try {
    return await connectPeer({
      address: config.farms.scheduler.socket,
      self: makeHello({ farm: 'cli', worker: `queue-${process.pid}` }),
      tls: readIpcTls(config),
      deadlineMs: ANSWER_MS,
    });
  } catch {
    // It does not answer: the files are all there is.
    return undefined;
  }
}

/** Undefined when there is no answer: the files are all there is of these. */
async function ask(scheduler: Peer, batch: readonly QueuedMessage[]): Promise<readonly SeenMessage[] | undefined> {
  const ids = batch.filter(({ where }) => where !== 'deleted').map(({ id }) => id);
  if (ids.length === 0) return batch;
  if (scheduler.closed) return undefined;
  try {
    const answer = await scheduler.request({ t: 'where?', ids }, ANSWER_MS);
    if (answer.t !== 'where') return undefined;
    const parts = Map.groupBy(answer.parts, ({ id }) => id);
    return batch.map((message) => merge(message, parts.get(message.id) ?? []));
  } catch {
    return undefined;
  }
}

/** Who is held is in nobody's hands: the files know all of it. */
function merge(message: QueuedMessage, parts: readonly WherePart[]): SeenMessage {
  const byAddress = new Map(parts.flatMap((part) => part.to.map((address) => [address, part] as const)));
  const unseen = message.recipients.filter(({ state, address }) => state !== 'held' && !byAddress.has(address));
  return {
    ...message,
    recipients: message.recipients.map((one) => mergeOne(one, byAddress.get(one.address))),
    ...(unseen.length > 0 && { unseen: new Set(unseen.map(({ address }) => address)) }),
  };
}

/** The last answer that this recipient got stays its reason; who was never tried has that of its bin. */
function mergeOne(one: RecipientState, part: WherePart | undefined): RecipientState {
  if (!part || one.state === 'held') return one;
  const { until: _, ...rest } = one;
  const reply = one.reply ?? part.trouble;
  return {
    ...rest,
    hop: part.hop,
    ...(part.until === undefined ? {} : { until: part.until }),
    ...(reply === undefined ? {} : { reply }),
  };
}
