/**
 * Ids of messages in the tree by name alone, oldest first over all buckets. Ids sort by time, but buckets do not, so this goes
 * over the tree in passes: each keeps the smallest ids behind the last one told. A short queue takes one pass, and a long one no
 * more memory.
 *
 * What appears meanwhile is told when its turn is still to come, and else not: its owner lives. What vanished is told, and found
 * missing by whoever opens it.
 */
import fs from 'node:fs/promises';
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

export async function* treeIds(layout: Layout, options: TreeIdsOptions = {}): AsyncGenerator<QueueId> {
  const smallest = new Smallest(options.batch ?? BATCH);
  let above = '';
  // Nothing newer than the first pass saw is waited for: else a walk might never end while mail comes in.
  let newest = '';
  for (;;) {
    const first = newest === '';
    const from = options.from ?? '';
    for await (const { name, path } of treeFiles(layout)) {
      if (!isQueueId(name)) {
        if (first && !isCompanion(name)) await options.onForeign?.(path);
        continue;
      }
      if (name < from || name <= above || (!first && name > newest)) continue;
      if (first && name > newest) newest = name;
      smallest.add(name);
    }
    const { ids, all } = smallest.take();
    yield* ids;
    if (all) return;
    above = ids.at(-1) ?? above;
  }
}

/** Names in a folder, a few at a time; none when it is no folder, or gone. */
export async function* namesIn(path: string): AsyncGenerator<string> {
  try {
    for await (const { name } of await fs.opendir(path, { bufferSize: ENTRIES })) yield name;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') throw error;
  }
}

async function* treeFiles(layout: Layout): AsyncGenerator<{ readonly name: string; readonly path: string }> {
  const mess = folder(layout, 'mess');
  for await (const bucket of namesIn(mess)) {
    for await (const name of namesIn(`${mess}/${bucket}`)) yield { name, path: `${mess}/${bucket}/${name}` };
  }
}

function isCompanion(name: string): boolean {
  return name.endsWith(STATE) && isQueueId(name.slice(0, -STATE.length));
}

/** The smallest of any number of ids: never more than twice as many in memory. */
class Smallest {
  readonly #limit: number;
  #ids: QueueId[] = [];
  /** Larger ones are not among the smallest. */
  #most = '~';
  #all = true;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(id: QueueId): void {
    if (id > this.#most) this.#all = false;
    else if (this.#ids.push(id) >= this.#limit * 2) this.#trim();
  }

  /** In order, each once; `all` when none had to be left for the next pass. Empties it. */
  take(): { readonly ids: readonly QueueId[]; readonly all: boolean } {
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
