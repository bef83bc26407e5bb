/**
 * Runs a working verb over the chosen messages, in batches, and tells of each what became of it.
 *
 * Messages are chosen by walking the files, then taken from the farm, then read again: what the walk saw may be old.
 */
import { EX } from '../../base/sysexits.ts';
import { errorText, oneLine } from '../../base/text.ts';
import type { Config } from '../../config/config.ts';
import { openLogger } from '../../log/logger.ts';
import { openStore } from '../../queue/open-store.ts';
import { QueueOperator } from '../../queue/operate.ts';
import { QueueWalk, type QueuedMessage } from '../../queue/walk.ts';
import type { Context } from '../common/context.ts';
import { connectFarm, NO_FARM, type Farm } from './live.ts';
import type { Selector } from './selectors.ts';
import { findMessages, reread } from './source.ts';
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

/** `queue retry|hold|release|bounce|delete|restore`. */
export async function operate(operation: Operation): Promise<number> {
  const { config, live, verb } = operation;
  const selector = verb === 'restore' ? { ...operation.selector, deleted: true } : operation.selector;
  const chosen = findMessages({ split: config.queue.split }, selector, operation.limit);
  if (operation.dryRun) return dryRun(operation, chosen);
  const worker = `queue-${process.pid}-${Date.now().toString(36)}`;
  const log = openLogger({ socket: 'run/log.sock', farm: 'cli', worker, level: config.log.level });
  const store = await openStore({ config, worker, log, role: 'command' });
  const farm = live ? await connectFarm(config) : NO_FARM;
  const tally = new Tally(operation);
  try {
    const operator = new QueueOperator(store, { root: 'queue', split: config.queue.split });
    for await (const batch of batches(chosen)) {
      for (const told of await workOnBatch(operation, { farm, operator }, batch)) {
        if (told.why === undefined) log.info(EVENT[verb], { id: told.id, by: 'operator' });
        await tally.tell(told);
      }
    }
    const left = await farm.close();
    if (left !== undefined) await operation.context.err.line(`queue: ${left}`);
    return await tally.finish();
  } finally {
    await store.close();
    await log.flush(500);
    log.close();
  }
}

async function workOnBatch(
  operation: Operation,
  tools: { readonly farm: Farm; readonly operator: QueueOperator },
  batch: readonly QueuedMessage[],
): Promise<readonly Told[]> {
  const { verb, reason, config } = operation;
  const { farm, operator } = tools;
  // What is in the deleted queue is in nobody's hands.
  const taken = verb === 'restore' ? await NO_FARM.take(batch) : await farm.take(batch);
  const walk = new QueueWalk({ split: config.queue.split });
  await walk.readOutcomes();
  const told: Told[] = [];
  for (const old of batch) {
    const refused = taken.refused.get(old.id);
    const message = verb === 'restore' ? old : taken.ours.has(old.id) ? await reread(walk, old) : undefined;
    const why = refused ?? (message ? whyNotFit(verb, message) : 'it left the queue meanwhile');
    if (why !== undefined || !message) {
      told.push({ id: old.id, why: why ?? '', again: refused !== undefined });
      continue;
    }
    try {
      const after = await workOn(operator, verb, message, reason);
      await farm.giveBack(old.id, after);
      told.push({ id: old.id });
    } catch (error) {
      told.push({ id: old.id, why: oneLine(errorText(error)), again: true });
    }
  }
  return told;
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
    if (!json) {
      const left = this.#left > 0 ? `, ${this.#left} left alone` : '';
      await context.out.line(`${plural(this.#done)} ${PAST[verb]}${left}`);
    }
    if (this.#again > 0) return EX.TEMPFAIL;
    if (this.#done + this.#left > 0 || selector.ids.size === 0) return EX.OK;
    await context.err.line(`queue: no such message in the ${verb === 'restore' ? 'deleted queue' : 'queue'}`);
    return EX.NOINPUT;
  }
}

function plural(count: number): string {
  return `${count} message${count === 1 ? '' : 's'}`;
}

async function* batches<T>(items: AsyncIterable<T>): AsyncGenerator<readonly T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
