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

/** For a farm to answer: one that does not is no reason to show nothing. */
const ANSWER_MS = 3000;
/** Messages asked for at a time. */
const BATCH = 100;

/** The same messages, in their order, with what the farm knows of them. `farm`: the configuration of the one that runs, if one does. */
export async function* seenByFarm(
  messages: AsyncIterable<QueuedMessage>,
  farm: Config | undefined,
): AsyncGenerator<QueuedMessage> {
  const scheduler = farm && (await connect(farm));
  if (!scheduler) return yield* messages;
  try {
    let batch: QueuedMessage[] = [];
    for await (const message of messages) {
      batch.push(message);
      if (batch.length < BATCH) continue;
      yield* await ask(scheduler, batch);
      batch = [];
    }
    yield* await ask(scheduler, batch);
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

async function ask(scheduler: Peer, batch: readonly QueuedMessage[]): Promise<readonly QueuedMessage[]> {
  const ids = batch.filter(({ where }) => where !== 'deleted').map(({ id }) => id);
  if (ids.length === 0 || scheduler.closed) return batch;
  try {
    const answer = await scheduler.request({ t: 'where?', ids }, ANSWER_MS);
    if (answer.t !== 'where') return batch;
    const parts = Map.groupBy(answer.parts, ({ id }) => id);
    return batch.map((message) => merge(message, parts.get(message.id) ?? []));
  } catch {
    // It is gone, or slow: the files are all there is of these.
    return batch;
  }
}

function merge(message: QueuedMessage, parts: readonly WherePart[]): QueuedMessage {
  if (parts.length === 0) return message;
  const byAddress = new Map(parts.flatMap((part) => part.to.map((address) => [address, part] as const)));
  return { ...message, recipients: message.recipients.map((one) => mergeOne(one, byAddress.get(one.address))) };
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
