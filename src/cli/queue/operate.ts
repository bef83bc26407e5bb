/**
 * Runs a working verb over the chosen messages, in batches, and tells of each what became of it.
 *
 * Messages are chosen by walking the files, then taken from the farm, then read again: what the walk saw may be old. Where no farm runs
 * nobody else writes, and the walk is the truth. A signal ends it between two messages: what was not begun is given back as it was.
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
import type { QueueId } from '../../queue/store.ts';
import type { Context } from '../common/context.ts';
import { catchInterrupt, type Interrupt } from '../common/interrupt.ts';
import { batches, Rereader } from './batches.ts';
import { confirm, UNASKED, wouldAsk } from './confirm.ts';
import { connectFarm, NO_FARM, type Farm } from './live.ts';
import { Progress } from './progress.ts';
import type { Selector } from './selectors.ts';
import { findMessages } from './source.ts';
import { plural, Tally, type Told } from './tally.ts';
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
  /** The sum only. */
  readonly quiet?: boolean;
  /** Nobody is asked. */
  readonly yes?: boolean;
  readonly reason?: string | undefined;
  /** What a deletion takes gets no operation, so that `restore --operation last` is that of an operator. */
  readonly unmarked?: boolean;
}

/** Messages worked on at a time: their waits for the disk overlap. */
const AT_A_TIME = 16;
/** Messages that a dry run names. */
const SHOWN = 20;
/** How long the last workers of a farm that ended are waited for, in ms. */
const LOCK_MS = 3000;
/** What a log process that is just being replaced gets to take our lines, in ms. */
const LOG_MS = 3000;

/** An operation under way. */
interface Running extends Operation {
  readonly interrupt: Interrupt;
  readonly progress: Progress;
  /** Messages that were counted; 0 where they were not. */
  readonly chosen: number;
}

/** `queue retry|hold|release|bounce|delete|restore`. */
export async function operate(given: Operation): Promise<number> {
  const selector = given.verb === 'restore' ? { ...given.selector, deleted: true } : given.selector;
  const operation = { ...given, selector };
  const interrupt = catchInterrupt();
  try {
    if (given.dryRun) return await dryRun(operation, interrupt);
    const { context, json, quiet, verb } = given;
    const progress = new Progress(context.err, verb, !json && quiet !== true);
    const asks = wouldAsk(context, verb, given.yes === true);
    const chosen = asks || progress.on ? await countChosen(operation, progress, interrupt) : 0;
    const running = { ...operation, interrupt, progress, chosen };
    const agreed =
      !asks || chosen <= UNASKED || (await confirm(context, { verb, count: chosen, signal: interrupt.signal }));
    if (agreed) return await withLock(running);
    await context.err.line(`${interrupt.signal.aborted ? '\n' : ''}queue: nothing was changed`);
    return interrupt.status() ?? EX.OK;
  } finally {
    interrupt.release();
  }
}

function choose({ config, live, selector, limit }: Operation, { signal }: Interrupt): AsyncIterable<QueuedMessage> {
  const source = { split: config.queue.split, farm: live ? config : undefined, careful: true, signal };
  return findMessages(source, selector, limit);
}

/** Those that the verb fits. */
async function countChosen(operation: Operation, progress: Progress, interrupt: Interrupt): Promise<number> {
  let count = 0;
  for await (const message of choose(operation, interrupt)) {
    if (whyNotFit(operation.verb, message) === undefined) count += 1;
    await progress.looked(count);
  }
  await progress.clear();
  return count;
}

async function withLock(running: Running): Promise<number> {
  const lock = running.live ? undefined : await takeLock('lock', { waitMs: LOCK_MS });
  if (lock && lock.kind !== 'locked') {
    await running.context.err.line(`queue: ${whyNotLocked(lock)}`);
    return EX.TEMPFAIL;
  }
  try {
    return await workWithFarm(running);
  } finally {
    if (lock) closeSync(lock.fd);
  }
}

async function workWithFarm(running: Running): Promise<number> {
  const { config, live } = running;
  const worker = `queue-${process.pid}-${Date.now().toString(36)}`;
  const log = await openLog(running, worker);
  const farm = live ? await connectFarm(config) : NO_FARM;
  const rereader = new Rereader(config.queue.split);
  try {
    const store = await openStore({ config, worker, log, role: 'command' });
    try {
      const operator = new QueueOperator(store, { root: 'queue', split: config.queue.split });
      const operation = running.verb === 'delete' && running.unmarked !== true ? store.nextId() : undefined;
      return await workThrough(running, { farm, operator, log, rereader, operation });
    } finally {
      await store.close();
    }
  } finally {
    rereader.close();
    // Open connections would keep the command alive; a second close does nothing.
    await farm.close();
    await log.flush(LOG_MS);
    log.close();
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

interface Tools {
  readonly farm: Farm;
  readonly operator: QueueOperator;
  readonly log: Logger;
  readonly rereader: Rereader;
  /** What `delete` marks its messages with. */
  readonly operation: QueueId | undefined;
}

async function workThrough(running: Running, tools: Tools): Promise<number> {
  const { context, verb, selector, interrupt, progress, json, quiet = false } = running;
  const { operation } = tools;
  const named = selector.ids.size > 0;
  const tally = new Tally({ context, verb, json, quiet, progress, chosen: running.chosen, named, operation });
  progress.begin();
  let ended = false;
  try {
    for await (const batch of batches(choose(running, interrupt))) {
      for await (const told of workOnBatch(running, tools, batch)) {
        const more = operation === undefined ? {} : { operation };
        if (told.why === undefined) tools.log.info(EVENT[verb], { id: told.id, by: 'operator', ...more });
        await tally.tell(told);
      }
      if (interrupt.signal.aborted) break;
    }
    ended = true;
  } finally {
    // What was done stays done, and is undone by the operation that this tells.
    if (!ended) await tally.sum();
  }
  const left = await tools.farm.close();
  if (left !== undefined) await context.err.line(`queue: ${left}`);
  return tally.finish(interrupt.status());
}

/** The farm takes those back of which nothing is told. */
async function* workOnBatch(
  { verb, reason, interrupt }: Running,
  tools: Tools,
  batch: readonly QueuedMessage[],
): AsyncGenerator<Told> {
  // What is in the deleted queue is in nobody's hands.
  const farm = verb === 'restore' ? NO_FARM : tools.farm;
  const taken = await farm.take(batch, interrupt.signal);
  const ours = batch.filter((message) => taken.ours.has(message.id));
  const current = farm === NO_FARM ? new Map(ours.map((one) => [one.id, one])) : await tools.rereader.read(ours);
  const work = async ({ id }: QueuedMessage): Promise<Told> => {
    const refused = taken.refused.get(id);
    if (refused !== undefined) return { id, why: refused, again: true };
    return workOnOne(tools, { verb, id, message: current.get(id), reason });
  };
  for (let at = 0; at < batch.length && !interrupt.signal.aborted; at += AT_A_TIME) {
    yield* await Promise.all(batch.slice(at, at + AT_A_TIME).map(work));
  }
}

interface Task {
  readonly verb: WorkingVerb;
  readonly id: string;
  readonly message: QueuedMessage | undefined;
  readonly reason: string | undefined;
}

async function workOnOne({ farm, operator, operation }: Tools, { verb, id, message, reason }: Task): Promise<Told> {
  const why = message ? whyNotFit(verb, message) : 'it left the queue meanwhile';
  if (why !== undefined || !message) return { id, why: why ?? '' };
  // The next scheduler gets it from the injector, and knows nothing of us.
  if (farm.gone) return { id, why: 'the scheduler of the farm ended: try again', again: true };
  let durable = false;
  try {
    const after = await workOn(operator, verb, message, { reason, operation });
    durable = true;
    await farm.giveBack(id, after, verb === 'retry');
    return { id };
  } catch (error) {
    // Whoever is given a deleted message finds it where it is: the farm needs not hear of it from us.
    if (durable && verb === 'delete') return { id };
    return { id, why: oneLine(errorText(error)), again: true };
  }
}

/** The first ones, and how many there are; for a program, all of them. */
async function dryRun(operation: Operation, interrupt: Interrupt): Promise<number> {
  const { context, verb, json, quiet = false } = operation;
  let [count, shown, left] = [0, 0, 0];
  for await (const message of choose(operation, interrupt)) {
    const why = whyNotFit(verb, message);
    if (why === undefined) count += 1;
    else left += 1;
    if (json) await context.out.json({ id: message.id, verb, dryRun: true, ...(why !== undefined && { why }) });
    else if (!quiet && shown < SHOWN) {
      shown += 1;
      await context.out.line(`${message.id}  ${why === undefined ? `would be ${PAST[verb]}` : `left alone: ${why}`}`);
    }
  }
  if (!json && count + left > shown && shown > 0) await context.out.line(`and ${count + left - shown} more`);
  if (!json) await context.out.line(`${plural(count)} would be ${PAST[verb]}; nothing was changed`);
  return interrupt.status() ?? EX.OK;
}
