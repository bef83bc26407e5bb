/**
 * Runs a working verb over the chosen messages, in batches, and tells of each what became of it.
 *
 * Messages are chosen by walking the files, then taken from the farm, then read again: what the walk saw may be old.
 */
import { closeSync } from 'node:fs';
import { EX } from '../../base/sysexits.ts';
import { errorText, oneLine } from '../../base/text.ts';
import type { Config } from '../../config/config.ts';
import { openFileLogger } from '../../log/file-logger.ts';
import { openLogger, type Logger } from '../../log/logger.ts';
import { takeLock, type Locked } from '../../process/lock.ts';
import { openStore } from '../../queue/open-store.ts';
import { QueueOperator } from '../../queue/operate.ts';
import type { QueuedMessage } from '../../queue/queued-message.ts';
import type { Context } from '../common/context.ts';
import { connectFarm, NO_FARM, type Farm } from './live.ts';
import type { Selector } from './selectors.ts';
import { findMessages, rereadAll } from './source.ts';
import { EVENT, PAST, whyNotFit, workOn, type WorkingVerb } from './work.ts';

export interface Operation {
  readonly context: Context;
  readonly config: Config;
  readonly live: boolean;
  readonly verb: WorkingVerb;
  readonly selector: Selector;
  readonly limit: number;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly reason?: string | undefined;
}

/** What became of one message. */
interface Told {
  readonly id: string;
  /** Absent: it was done. */
  readonly why?: string;
  /** Trying again may help. */
  readonly again?: boolean;
}

const BATCH = 100;
/** Messages worked on at a time: their waits for the disk overlap. */
const AT_A_TIME = 16;
/** How long the last workers of a farm that ended are waited for, in ms. */
const LOCK_MS = 3000;
/** What a log process that is just being replaced gets to take our lines, in ms. */
const LOG_MS = 3000;

/** `queue retry|hold|release|bounce|delete|restore`. */
export async function operate(operation: Operation): Promise<number> {
  const { config, live, verb } = operation;
  const selector = verb === 'restore' ? { ...operation.selector, deleted: true } : operation.selector;
  const chosen = findMessages({ split: config.queue.split }, selector, operation.limit);
  if (operation.dryRun) return dryRun(operation, chosen);
  const worker = `queue-${process.pid}-${Date.now().toString(36)}`;
  const lock = live ? undefined : await takeLock('lock', { waitMs: LOCK_MS });
  if (lock && lock.kind !== 'locked') {
    await operation.context.err.line(`queue: ${whyNotLocked(lock)}`);
    return EX.TEMPFAIL;
  }
  const log = await openLog(operation, worker);
  const farm = live ? await connectFarm(config) : NO_FARM;
  try {
    const store = await openStore({ config, worker, log, role: 'command' });
    try {
      const operator = new QueueOperator(store, { root: 'queue', split: config.queue.split });
      return await workThrough(operation, { farm, operator, log }, batches(chosen));
    } finally {
      await store.close();
    }
  } finally {
    // Open connections would keep the command alive; a second close does nothing.
    await farm.close();
    await log.flush(LOG_MS);
    log.close();
    if (lock) closeSync(lock.fd);
  }
}

/** While no farm runs, the lock is ours, and so no log process lives: the command writes its lines itself. */
async function openLog({ context, config, live }: Operation, worker: string): Promise<Logger> {
  const who = { farm: 'cli', worker, level: config.log.level };
  if (live) return openLogger({ socket: config.farms.log.socket, ...who });
  return openFileLogger({ ...who, onTrouble: (why) => void context.err.line(`queue: no line in the log: ${why}`) });
}

/** One owner: while no farm runs, a command that works on the queue holds its lock. */
function whyNotLocked(lock: Exclude<Locked, { kind: 'locked' }>): string {
  if (lock.kind === 'unable') return lock.why;
  return lock.kind === 'running'
    ? `a farm is just starting or stopping (pid ${lock.pid}): try again`
    : `workers of the farm that was pid ${lock.pid} still finish what they hold: try again`;
}

async function workThrough(
  operation: Operation,
  tools: Tools & { readonly log: Logger },
  chosen: AsyncIterable<readonly QueuedMessage[]>,
): Promise<number> {
  const tally = new Tally(operation);
  for await (const batch of chosen) {
    for (const told of await workOnBatch(operation, tools, batch)) {
      if (told.why === undefined) tools.log.info(EVENT[operation.verb], { id: told.id, by: 'operator' });
      await tally.tell(told);
    }
  }
  const left = await tools.farm.close();
  if (left !== undefined) await operation.context.err.line(`queue: ${left}`);
  return tally.finish();
}

interface Tools {
  readonly farm: Farm;
  readonly operator: QueueOperator;
}

async function workOnBatch(
  operation: Operation,
  tools: Tools,
  batch: readonly QueuedMessage[],
): Promise<readonly Told[]> {
  const { verb, config } = operation;
  // What is in the deleted queue is in nobody's hands.
  const taken = await (verb === 'restore' ? NO_FARM : tools.farm).take(batch);
  const ours = batch.filter((message) => taken.ours.has(message.id));
  const source = { split: config.queue.split };
  const now = verb === 'restore' ? new Map(ours.map((one) => [one.id, one])) : await rereadAll(source, ours);
  const work = async ({ id }: QueuedMessage): Promise<Told> => {
    const refused = taken.refused.get(id);
    return refused === undefined ? workOnOne(operation, tools, id, now.get(id)) : { id, why: refused, again: true };
  };
  const told: Told[] = [];
  for (let at = 0; at < batch.length; at += AT_A_TIME) {
    told.push(...(await Promise.all(batch.slice(at, at + AT_A_TIME).map(work))));
  }
  return told;
}

async function workOnOne(
  { verb, reason }: Operation,
  { farm, operator }: Tools,
  id: string,
  message: QueuedMessage | undefined,
): Promise<Told> {
  const why = message ? whyNotFit(verb, message) : 'it left the queue meanwhile';
  if (why !== undefined || !message) return { id, why: why ?? '' };
  // The next scheduler gets it from the injector, and knows nothing of us.
  if (farm.gone) return { id, why: 'the scheduler of the farm ended: try again', again: true };
  try {
    const after = await workOn(operator, verb, message, reason);
    await farm.giveBack(id, after, verb === 'retry');
    return { id };
  } catch (error) {
    return { id, why: oneLine(errorText(error)), again: true };
  }
}

async function dryRun({ context, verb, json }: Operation, chosen: AsyncIterable<QueuedMessage>): Promise<number> {
  let count = 0;
  for await (const message of chosen) {
    const why = whyNotFit(verb, message);
    if (why === undefined) count += 1;
    if (json) await context.out.json({ id: message.id, verb, dryRun: true, ...(why !== undefined && { why }) });
    else
      await context.out.line(`${message.id}  ${why === undefined ? `would be ${PAST[verb]}` : `left alone: ${why}`}`);
  }
  if (!json) await context.out.line(`${plural(count)} would be ${PAST[verb]}; nothing was changed`);
  return EX.OK;
}

/** Prints each end as it comes, and the sum of them. */
class Tally {
  readonly #operation: Operation;
  #done = 0;
  #left = 0;
  #again = 0;

  constructor(operation: Operation) {
    this.#operation = operation;
  }

  async tell(told: Told): Promise<void> {
    const { context, verb, json } = this.#operation;
    if (told.why === undefined) this.#done += 1;
    else this.#left += 1;
    if (told.again) this.#again += 1;
    if (json)
      await context.out.json({
        id: told.id,
        verb,
        done: told.why === undefined,
        ...(told.why !== undefined && { why: told.why }),
      });
    else await context.out.line(`${told.id}  ${told.why === undefined ? PAST[verb] : `left alone: ${told.why}`}`);
  }

  async finish(): Promise<number> {
    const { context, selector, verb, json } = this.#operation;
    const none = this.#done + this.#left === 0 && selector.ids.size > 0;
    if (!json && !none) {
      const left = this.#left > 0 ? `, ${this.#left} left alone` : '';
      await context.out.line(`${plural(this.#done)} ${PAST[verb]}${left}`);
    }
    if (this.#again > 0) return EX.TEMPFAIL;
    if (!none) return EX.OK;
    await context.err.line(`queue: no such message in the ${verb === 'restore' ? 'deleted queue' : 'queue'}`);
    return EX.NOINPUT;
  }
}

function plural(count: number): string {
  return `${count} message${count === 1 ? '' : 's'}`;
}

/** A message that a verb moved from a journal to the tree is met there again by the walk: it is passed over. */
async function* batches(messages: AsyncIterable<QueuedMessage>): AsyncGenerator<readonly QueuedMessage[]> {
  const moved = new Set<string>();
  let batch: QueuedMessage[] = [];
  for await (const message of messages) {
    if (moved.has(message.id) || batch.some(({ id }) => id === message.id)) continue;
    if (message.where === 'journal') moved.add(message.id);
    batch.push(message);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
