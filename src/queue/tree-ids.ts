/**
 * Ids of messages in the tree by name alone, oldest first over all buckets. Ids sort by time, but buckets do not, so this goes
 * over the tree in passes: each keeps the smallest ids behind the last one told. A short queue takes one pass, and a long one no
 * more memory.
 *
 * What appears meanwhile is told when its turn is still to come, and else not: its owner lives. What vanished is told, and found
 * missing by whoever opens it.
 */
import { opendirSync, readdirSync, type Dir } from 'node:fs';
import { errorCode } from '../base/text.ts';
import { folder, type Layout } from './layout.ts';
import { isQueueId } from './queue-id.ts';
import type { QueueId } from './store.ts';

export interface TreeIdsOptions {
  /** Ids that one pass gathers. */
  readonly batch?: number | undefined;
  /** Ids below this one are passed over. */
  readonly from?: string | undefined;
  /** Called once for each file that has no name of ours. */
  readonly onForeign?: (path: string) => void | Promise<void>;
}

const BATCH = 50_000;
const STATE = '.state';
/** Entries that one read of a folder may bring. */
const ENTRIES = 256;
/** Ids after which the event loop has a turn. */
const TURN = 50;

export async function* treeIds(layout: Layout, options: TreeIdsOptions = {}): AsyncGenerator<QueueId> {
  const smallest = new Smallest<QueueId>(options.batch ?? BATCH);
  let above = '';
  // Nothing newer than the first pass saw is waited for: else a walk might never end while mail comes in.
  let newest = '';
  for (;;) {
    const first = newest === '';
    const from = options.from ?? '';
    for await (const bucket of bucketsIn(layout)) {
      const here = `${folder(layout, 'mess')}/${bucket}`;
      for (const name of namesIn(here)) {
        if (!isQueueId(name)) {
          if (first && !isCompanion(name)) await options.onForeign?.(`${here}/${name}`);
          continue;
        }
        if (name < from || name <= above || (!first && name > newest)) continue;
        if (first && name > newest) newest = name;
        smallest.add(name);
      }
    }
    const { ids, all } = smallest.take();
    for (const [n, id] of ids.entries()) {
      yield id;
      // Whoever reads these files may never leave this thread.
      if (n % TURN === TURN - 1) await nextTurn();
    }
    if (all) return;
    above = ids.at(-1) ?? above;
  }
}

/**
 * Names in a folder, a few at a time; none when it is no folder, or gone. Read in this thread: it is the work of whoever walks the
 * tree, and a turn of the thread pool costs more than the names that it brings.
 */
export function* namesIn(path: string): Generator<string> {
  const dir = openFolder(path);
  if (!dir) return;
  try {
    for (let name = nextName(dir); name !== undefined; name = nextName(dir)) {
      if (name === GONE) return yield* allNames(path);
      yield name;
    }
  } finally {
    dir.closeSync();
  }
}

/** No name of a file. */
const GONE = '/';

/** Where the file system tells no types, Node looks at each file of a batch; one that is gone by then takes the others along. */
function nextName(dir: Dir): string | undefined {
  try {
    return dir.readSync()?.name;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return GONE;
  }
}

/** All at once, and some of them for the second time: nothing is looked at. */
function allNames(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return [];
  }
}

/** Buckets of the tree, one in each turn of the event loop. */
export async function* bucketsIn(layout: Layout): AsyncGenerator<string> {
  for (const bucket of namesIn(folder(layout, 'mess'))) {
    yield bucket;
    await nextTurn();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function openFolder(path: string): Dir | undefined {
  try {
    return opendirSync(path, { bufferSize: ENTRIES });
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') throw error;
    return undefined;
  }
}

function isCompanion(name: string): boolean {
  return name.endsWith(STATE) && isQueueId(name.slice(0, -STATE.length));
}

/** The smallest of any number of names: never more than twice as many in memory. */
export class Smallest<T extends string> {
  readonly #limit: number;
  #ids: T[] = [];
  /** Larger ones are not among the smallest. */
  #most = '~';
  #all = true;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(id: T): void {
    if (id > this.#most) this.#all = false;
    else if (this.#ids.push(id) >= this.#limit * 2) this.#trim();
  }

  /** In order, each once; `all` when none had to be left for the next pass. Empties it. */
  take(): { readonly ids: readonly T[]; readonly all: boolean } {
    this.#trim();
    const taken = { ids: this.#ids, all: this.#all };
    this.#ids = [];
    this.#most = '~';
    this.#all = true;
    return taken;
  }

  #trim(): void {
    // A crash may have left one message in two buckets.
    const sorted = this.#ids.sort().filter((id, i, ids) => id !== ids[i - 1]);
    if (sorted.length > this.#limit) this.#all = false;
    this.#ids = sorted.slice(0, this.#limit);
    if (sorted.length >= this.#limit) this.#most = this.#ids.at(-1) ?? '~';
  }
}
