/**
 * Hands every unfinished message to the stage that its state names: journals first, then the tree, the oldest first in each. What
 * is under way at a time is bounded, so new mail never waits behind old, and memory does not grow with the queue.
 */
import { errorText } from '../base/text.ts';
import { slices } from '../base/slices.ts';
import type { HandOn } from '../ipc/hand-on.ts';
import type { Peer } from '../ipc/peer.ts';
import { resumeFrame } from '../ipc/resume.ts';
import type { Logger } from '../log/logger.ts';
import { Book } from './book.ts';
import { createDisk, isUnreadable } from '../queue/disk.ts';
import { isSealed, listSegments } from '../queue/known-outcomes.ts';
import { parseSegmentName } from '../queue/layout.ts';
import { removeSegment } from '../queue/open-store.ts';
import { removeFromTree } from '../queue/tree.ts';
import { treeIds } from '../queue/tree-ids.ts';
import { firstIdAt, makerOf, timeOfId } from '../queue/queue-id.ts';
import { isUnfinished, type QueuedMessage } from '../queue/queued-message.ts';
import type { QueueId } from '../queue/store.ts';
import type { QueueWalk } from '../queue/walk.ts';
import { MAX_INLINE, type WalkedSegment } from '../queue/walk-segment.ts';
import { rehash } from '../queue/rehash.ts';
import { secureLeftovers } from '../queue/secure.ts';
import { mayBeCommand, sweepCompanions, sweepTemporary } from '../queue/sweep.ts';

export interface Injection {
  readonly scheduler: Peer;
  readonly router: HandOn;
  readonly schedulerHandOn: HandOn;
  readonly walk: QueueWalk;
  /** Instance names of the workers that run now. */
  readonly live: () => ReadonlySet<string>;
  /** For orphans: no writer that is gone since the last look began before that time, ms since 1970. For a look: so far back it goes. */
  readonly since: number;
  readonly log: Logger;
  /** The injector was told to stop: leave the rest to the next one. */
  readonly stopped: () => boolean;
}

type Walk = 'start' | 'orphans' | 'look';

/** A walk through the queue. */
interface Run {
  readonly mode: Walk;
  readonly window: Window;
  readonly book: Book;
}

/** Messages handed on and not yet taken. */
const UNDER_WAY = 200;
/** Messages of the tree whose lines share a wait for the log. */
const BATCH = 200;
const ANSWER_MS = 60_000;
/** Time in which a message passed every stage up to the scheduler, but for one that was forgotten. */
const ON_ITS_WAY_MS = 2 * 60_000;
/** Messages of the tree after which the scheduler hears how far the walk is. */
const TELL_EVERY = 5000;
/** In one frame, which takes no longer list than 100,000. */
const ORDINALS = 50_000;

export async function injectAll(injection: Injection, mode: Walk): Promise<void> {
  const { scheduler, walk, log } = injection;
  const begun = Date.now();
  const run: Run = { mode, window: new Window(), book: new Book(log) };
  const { window } = run;
  if (mode === 'start') await scheduler.request({ t: 'walk', phase: 'begin' }, ANSWER_MS);
  // The list comes first: a segment in it whose writer is not alive after that has no writer any more.
  const names = await listSegments(walk.layout, 'journal');
  const outcomeNames = await listSegments(walk.layout, 'outcome');
  const live = injection.live();
  const isLive = (name: string): boolean => live.has(parseSegmentName(name)?.worker ?? '');
  const grows = growing(names, isLive);
  const outcomeGrows = growing(outcomeNames, isLive);
  const onUnreadable = (file: string, why: string): void => log.error('unreadable', { file, why });
  const files = { disk: createDisk(), layout: walk.layout, onUnreadable };
  const dead = (list: readonly string[]): string[] => list.filter((name) => !isLive(name));
  await secureLeftovers({ ...files, journal: dead(names), outcome: dead(outcomeNames) });
  // Before anything is asked for a file of its own.
  if (mode === 'start') await attempt(log, () => putIntoBuckets(injection));
  await walk.readOutcomes();
  for (const name of names) {
    if (mode === 'orphans' && isLive(name)) continue;
    // What is in an open segment is young: the next look finds it in a closed one.
    if (mode === 'look' && grows(name) && !(await isSealed(files, name, 'journal', MAX_INLINE))) continue;
    if (injection.stopped()) return;
    await injectSegment(injection, run, { name, live: isLive(name), grows: grows(name) });
  }
  for (const name of outcomeNames) {
    const closed = !outcomeGrows(name) || (await isSealed(files, name));
    if (closed) await tellClosed(injection, `outcome/${name}`, 1, []);
  }
  if (mode === 'start') await injectTree(injection, run);
  else await injectUnrouted(injection, run, mode === 'look' ? [] : names.filter(isLive));
  await window.drain();
  await run.book.written();
  walk.close();
  const { count, held } = window;
  if (mode === 'start') await scheduler.request({ t: 'walk', phase: 'end', injected: count, held }, ANSWER_MS);
  log.info('injection-done', { mode, injected: count, ms: Date.now() - begun });
}

/** A living writer has one open segment, its newest: whoever it told of the older ones may be gone since. */
function growing(names: readonly string[], isLive: (name: string) => boolean): (name: string) => boolean {
  const newest = new Map(names.map((name) => [parseSegmentName(name)?.worker, name]));
  return (name) => isLive(name) && newest.get(parseSegmentName(name)?.worker) === name;
}

async function injectSegment(
  injection: Injection,
  run: Run,
  how: { readonly name: string; readonly live: boolean; readonly grows: boolean },
): Promise<void> {
  const { walk } = injection;
  const segment = await walk.segment(how.name);
  const grows = (how.grows && !segment.sealed) || segment.unreadable;
  if (segment.total === 0 && !grows) return removeEmpty(walk, segment);
  if (!how.live) await logFound(run, [...segment.finishedIds, ...segment.movedIds]);
  // Whoever finished them may have died with its lines. With what we tell the scheduler the segment may go, and no other run, at the
  // same time or later, would find a trace of them.
  for (const id of segment.finishedIds) await run.book.removed(id);
  for await (const message of leftIn(segment, injection, run)) await run.book.injected(message);
  await run.book.written();
  // A writer that goes on tells the total itself, and which of its staged messages came to nothing.
  const finished = grows ? segment.finished : [...segment.finished, ...segment.empty];
  if (segment.unreadable) await tellKept(injection, `journal/${how.name}`);
  await tellClosed(injection, `journal/${how.name}`, grows ? 0 : segment.total, [...finished, ...segment.moved]);
  for await (const message of leftIn(segment, injection, run)) await inject(injection, message, run.window);
}

/** What has a file of its own is injected from the tree. */
async function* leftIn(segment: WalkedSegment, { walk }: Injection, run: Run): AsyncGenerator<QueuedMessage> {
  for await (const message of segment.messages()) {
    if (walk.fileOf(message.id) === undefined && isRipe(message.id, run)) yield message;
  }
}

/** A look leaves alone what is on its way from stage to stage at this moment. */
function isRipe(id: QueueId, { mode }: Run): boolean {
  return mode !== 'look' || Date.now() - timeOfId(id) > ON_ITS_WAY_MS;
}

/** Nobody has to do anything about them; but their writer died, perhaps before it said that they came. */
async function logFound({ book }: Run, ids: readonly QueueId[]): Promise<void> {
  for (const id of ids) await book.found(id);
}

/** A command that queues a message at this moment is about to write it here: its own hand-on tells of it. */
async function removeEmpty(walk: QueueWalk, { segment, left }: WalkedSegment): Promise<void> {
  if (mayBeCommand(parseSegmentName(segment)?.worker ?? '', timeOfId(segment))) return;
  if (left > 0) await walk.setAside(segment, 'it holds no record that can be read');
  else await removeSegment(createDisk(), walk.layout, `journal/${segment}`);
}

async function putIntoBuckets({ walk, log }: Injection): Promise<void> {
  const { rehomed } = await rehash({ disk: createDisk(), layout: walk.layout });
  if (rehomed > 0) log.warn('rehashed', { files: rehomed });
}

async function injectTree(injection: Injection, run: Run): Promise<void> {
  const { walk } = injection;
  await attempt(injection.log, () => sweepTemporary(walk.layout, injection.live));
  await attempt(injection.log, () => sweepCompanions(walk.layout));
  let told = 0;
  await injectBatches(injection, run, walk.tree(), async (walked, last) => {
    if (walked - told < TELL_EVERY) return;
    told = walked;
    await tellWhere(injection, run.window, last);
  });
}

/** So that the scheduler need not remember what was finished up to here. */
async function tellWhere({ scheduler }: Injection, window: Window, id: string): Promise<void> {
  await window.drain();
  await scheduler.request({ t: 'walk', phase: 'at', id }, ANSWER_MS);
}

/**
 * A dead acceptor may have left large messages that no router ever saw, and held ones that its log never told of. What its stage
 * knows already is handed on without effect. Ids say when they were made and by which process: what is older than every writer in
 * question, and what comes from a living one that has a segment, is not even read.
 */
function injectUnrouted(injection: Injection, run: Run, live: readonly string[]): Promise<void> {
  const makers = new Set(live.map(makerOf));
  async function* left(): AsyncGenerator<QueuedMessage> {
    for await (const id of treeIds(injection.walk.layout, { from: firstIdAt(injection.since) })) {
      if (makers.has(makerOf(id)) || !isRipe(id, run)) continue;
      const message = await injection.walk.treeMessage(id);
      if (!message || !isUnfinished(message)) continue;
      const resumed = resumeFrame(message);
      if (!resumed || resumed.to === 'router') yield message;
    }
  }
  return injectBatches(injection, run, left());
}

/** First the lines of a batch, then what may remove the last trace of its messages. */
async function injectBatches(
  injection: Injection,
  run: Run,
  messages: AsyncIterable<QueuedMessage>,
  onBatch?: (walked: number, last: QueueId) => Promise<void>,
): Promise<void> {
  let batch: QueuedMessage[] = [];
  let walked = 0;
  for await (const message of messages) {
    if (injection.stopped()) return;
    walked += 1;
    await run.book.injected(message);
    if (!isUnfinished(message)) await run.book.removed(message.id);
    batch.push(message);
    if (batch.length < BATCH) continue;
    await handOnBatch(injection, run, batch);
    await onBatch?.(walked, message.id);
    batch = [];
  }
  await handOnBatch(injection, run, batch);
}

async function handOnBatch(injection: Injection, run: Run, batch: readonly QueuedMessage[]): Promise<void> {
  await run.book.written();
  const tree = { disk: createDisk(), layout: injection.walk.layout };
  for (const read of batch) {
    // While the log was waited for, a command may have held it; at a start there was nobody to do that.
    const message = run.mode === 'start' ? read : await injection.walk.treeMessage(read.id);
    if (!message) continue;
    if (isUnfinished(message)) await inject(injection, message, run.window);
    // Finished while the log was waited for: whoever did that says so, and removes it then.
    else if (run.mode === 'start') await attempt(injection.log, () => removeFromTree(tree, message.id));
  }
}

async function inject(injection: Injection, message: QueuedMessage, window: Window): Promise<void> {
  if (message.recipients.some(({ state }) => state === 'held')) window.held += 1;
  const resumed = resumeFrame(message);
  if (!resumed) return;
  await window.enter();
  const stage = resumed.to === 'router' ? injection.router : injection.schedulerHandOn;
  window.leaveAfter(stage.send(resumed.frame));
}

/** What the medium does not give back stops nothing else. */
async function attempt(log: Logger, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    log.error('unreadable', { why: errorText(error) });
  }
}

/** The scheduler keeps account of a segment whose end nobody knows: it stays, and with it all outcomes that may speak of it. */
async function tellKept(injection: Injection, segment: string): Promise<void> {
  await injection.scheduler.request({ t: 'segment', segment, total: 0 }, ANSWER_MS);
}

async function tellClosed(
  injection: Injection,
  segment: string,
  total: number,
  finished: readonly number[],
): Promise<void> {
  if (total === 0 && finished.length === 0) return;
  const pieces = slices(finished, ORDINALS);
  const last = pieces.pop() ?? [];
  // The total comes last: with it the segment may go.
  for (const some of pieces)
    await injection.scheduler.request({ t: 'segment', segment, total: 0, finished: some }, ANSWER_MS);
  await injection.scheduler.request({ t: 'segment', segment, total, finished: last }, ANSWER_MS);
}

/** Bounds what is under way. */
class Window {
  count = 0;
  /** Messages with held recipients that came by. */
  held = 0;
  #open = 0;
  #waiting: (() => void) | undefined;

  async enter(): Promise<void> {
    while (this.#open >= UNDER_WAY) await new Promise<void>((resolve) => (this.#waiting = resolve));
    this.#open += 1;
    this.count += 1;
  }

  leaveAfter(work: Promise<void>): void {
    const leave = (): void => {
      this.#open -= 1;
      this.#waiting?.();
    };
    work.then(leave, leave);
  }

  async drain(): Promise<void> {
    while (this.#open > 0) await new Promise<void>((resolve) => (this.#waiting = resolve));
  }
}
