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
import { createDisk, isUnreadable } from '../queue/disk.ts';
import { isSealed, listSegments } from '../queue/known-outcomes.ts';
import { parseSegmentName } from '../queue/layout.ts';
import { removeSegment } from '../queue/open-store.ts';
import { removeFromTree } from '../queue/tree.ts';
import { treeIds } from '../queue/tree-ids.ts';
import { firstIdAt, makerOf, timeOfId } from '../queue/queue-id.ts';
import { isUnfinished, type QueuedMessage } from '../queue/queued-message.ts';
import type { QueueWalk } from '../queue/walk.ts';
import type { WalkedSegment } from '../queue/walk-segment.ts';
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
  /** For orphans: no writer that is gone since the last look began before that time, ms since 1970. */
  readonly since: number;
  readonly log: Logger;
  /** The injector was told to stop: leave the rest to the next one. */
  readonly stopped: () => boolean;
}

/** Messages handed on and not yet taken. */
const UNDER_WAY = 200;
const ANSWER_MS = 60_000;
/** In one frame, which takes no longer list than 100,000. */
const ORDINALS = 50_000;

export async function injectAll(injection: Injection, mode: 'start' | 'orphans'): Promise<void> {
  const { scheduler, walk, log } = injection;
  const begun = Date.now();
  const window = new Window();
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
    if (injection.stopped()) return;
    await injectSegment(injection, { name, live: grows(name), window });
  }
  for (const name of outcomeNames) {
    const closed = !outcomeGrows(name) || (await isSealed(files, name));
    if (closed) await tellClosed(injection, `outcome/${name}`, 1, []);
  }
  if (mode === 'start') await injectTree(injection, window);
  else await injectUnrouted(injection, { window, live: names.filter(isLive) });
  await window.drain();
  walk.close();
  if (mode === 'start') await scheduler.request({ t: 'walk', phase: 'end', injected: window.count }, ANSWER_MS);
  log.info('injection-done', { mode, injected: window.count, ms: Date.now() - begun });
}

/** A living writer has one open segment, its newest: whoever it told of the older ones may be gone since. */
function growing(names: readonly string[], isLive: (name: string) => boolean): (name: string) => boolean {
  const newest = new Map(names.map((name) => [parseSegmentName(name)?.worker, name]));
  return (name) => isLive(name) && newest.get(parseSegmentName(name)?.worker) === name;
}

async function injectSegment(
  injection: Injection,
  how: { readonly name: string; readonly live: boolean; readonly window: Window },
): Promise<void> {
  const { walk } = injection;
  const segment = await walk.segment(how.name);
  const grows = (how.live && !segment.sealed) || segment.unreadable;
  if (segment.total === 0 && !grows) return removeEmpty(walk, segment);
  // A writer that goes on tells the total itself, and which of its staged messages came to nothing.
  const finished = grows ? segment.finished : [...segment.finished, ...segment.empty];
  const done = [...finished, ...segment.moved];
  if (segment.unreadable) await tellKept(injection, `journal/${how.name}`);
  await tellClosed(injection, `journal/${how.name}`, grows ? 0 : segment.total, done);
  for await (const message of segment.messages()) {
    // Those are injected from the tree.
    if (walk.fileOf(message.id) === undefined) await inject(injection, message, how.window);
  }
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

async function injectTree(injection: Injection, window: Window): Promise<void> {
  const { walk } = injection;
  const disk = createDisk();
  await attempt(injection.log, () => sweepTemporary(walk.layout, injection.live));
  await attempt(injection.log, () => sweepCompanions(walk.layout));
  for await (const message of walk.tree()) {
    if (injection.stopped()) return;
    if (isUnfinished(message)) await inject(injection, message, window);
    else await attempt(injection.log, () => removeFromTree({ disk, layout: walk.layout }, message.id));
  }
}

/**
 * A dead acceptor may have left large messages that no router ever saw. What its stage knows already is handed on without
 * effect. Ids say when they were made and by which process: what is older than every writer in question, and what comes from a
 * living one that has a segment, is not even read.
 */
async function injectUnrouted(
  injection: Injection,
  how: { readonly window: Window; readonly live: readonly string[] },
): Promise<void> {
  const makers = new Set(how.live.map(makerOf));
  for await (const id of treeIds(injection.walk.layout, { from: firstIdAt(injection.since) })) {
    if (injection.stopped()) return;
    if (makers.has(makerOf(id))) continue;
    const message = await injection.walk.treeMessage(id);
    if (message && isUnfinished(message) && resumeFrame(message)?.to === 'router') {
      await inject(injection, message, how.window);
    }
  }
}

async function inject(injection: Injection, message: QueuedMessage, window: Window): Promise<void> {
  const resumed = resumeFrame(message);
  if (!resumed) return;
  await window.enter();
  injection.log.info('injected', { id: message.id, to: resumed.to, where: message.where });
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
