/**
 * Walks everything in the queue, as the injector and the commands see it: journals in sequence first, because what is there is
 * recent and small, then the tree, oldest first. One message in memory at a time.
 */
import type { FileHandle } from 'node:fs/promises';
import type { Outcome } from '../mail/outcome.ts';
import { errorCode, errorText } from '../base/text.ts';
import { createDisk, fileStat, isForeign, isNamed, isThere, type Disk } from './disk.ts';
import { deletedNames, deletionOf } from './deleted-names.ts';
import { parseHandle, treeHandle } from './handle.ts';
import { deletedPath, messagePath, segmentPath, statePath, type Layout } from './layout.ts';
import { listSegments, tellUnreadable, type SegmentFiles } from './known-outcomes.ts';
import { fileOf } from './own-file.ts';
import { OutcomeLookup } from './outcome-lookup.ts';
import { isUnfinished, makeMessage, type QueuedMessage } from './queued-message.ts';
import { FIRST_READ, headIn, isWhole, readHead, type Head } from './read-message.ts';
import { parseLine, sumHolds } from './record.ts';
import { scanSegment } from './scan-segment.ts';
import type { QueueId } from './store.ts';
import { treeIds } from './tree-ids.ts';
import { MAX_INLINE, walkSegment, type WalkedSegment } from './walk-segment.ts';

export interface WalkOptions {
  readonly dir?: string;
  readonly split: number;
  readonly disk?: Disk;
  /** Ids of the tree that are gathered at a time. */
  readonly batch?: number;
  /** Called for files that cannot be read as messages. */
  readonly onCorrupt?: (path: string, why: string, bytes?: Buffer) => void | Promise<void>;
  /** Called for what the medium does not give back: it is passed over, and everything else told. Without this it is an error. */
  readonly onUnreadable?: (path: string, why: string) => void;
}

const NEWLINE = 0x0a;

export class QueueWalk {
  readonly layout: Layout;
  readonly disk: Disk;
  readonly #options: WalkOptions;
  #known: OutcomeLookup | undefined;

  constructor(options: WalkOptions) {
    this.#options = options;
    this.layout = { root: options.dir ?? 'queue', split: options.split };
    this.disk = options.disk ?? createDisk();
  }

  /** Reads the outcome journals; call it before the walks. Once more: what was added to them since. */
  readOutcomes(): Promise<void> {
    this.#known ??= new OutcomeLookup(this.#files());
    return this.#known.read(MAX_INLINE);
  }

  /** Lets go of what is open; the outcomes stay known. */
  close(): void {
    this.#known?.close();
  }

  /** The message journals, a segment at a time, oldest first. `wanted` chooses segments by name. */
  async *segments(wanted: (name: string) => boolean = () => true): AsyncGenerator<WalkedSegment> {
    for (const name of await listSegments(this.layout, 'journal')) {
      if (wanted(name)) yield await this.segment(name);
    }
  }

  /** `moved`: whether it tells which of its messages have a file of their own, which costs a look for each. */
  segment(name: string, moved = true): Promise<WalkedSegment> {
    return walkSegment(
      {
        files: this.#files(),
        outcomesOf: (id) => this.#knownOf(id),
        hasFile: (id) => moved && this.fileOf(id) !== undefined,
        onCorrupt: (why, bytes) => this.#options.onCorrupt?.(name, why, bytes),
      },
      name,
    );
  }

  /** Moves a whole segment of the message journal out of the way. */
  async setAside(segment: string, why: string): Promise<void> {
    await this.#options.onCorrupt?.(segmentPath(this.layout, 'journal', segment), why);
  }

  /** Everything in the hashed tree, oldest first; finished messages too: those have no recipients left and wait for removal. */
  async *tree(): AsyncGenerator<QueuedMessage> {
    const onForeign = (path: string): void | Promise<void> => this.#options.onCorrupt?.(path, 'no name of a message');
    for await (const id of treeIds(this.layout, { batch: this.#options.batch, onForeign })) {
      const message = await this.treeMessage(id);
      if (message) yield message;
    }
  }

  /**
   * The deleted queue, or of it what one deletion took, or what has these ids. What is in the tree too was left there by a crash in a deletion or a
   * restoration, and does not count.
   */
  async *deleted(operation?: string, ids?: ReadonlySet<string>): AsyncGenerator<QueuedMessage> {
    for await (const name of deletedNames(this.layout)) {
      const { id, message: isMessage, operations } = name;
      if (operation !== undefined && operations.at(-1) !== operation) continue;
      if (ids !== undefined && !ids.has(id)) continue;
      if (!isMessage || isThere(messagePath(this.layout, id))) continue;
      const paths = { message: deletedPath(this.layout, id), state: deletedPath(this.layout, id, true) };
      const message = await this.#readMessage(id, paths);
      if (message) yield { ...message, where: 'deleted', deletion: deletionOf(this.layout, name) };
    }
  }

  /** The last deletion of which there is anything in the deleted queue. */
  async lastDeletion(): Promise<string | undefined> {
    let last: string | undefined;
    for await (const { message, operations } of deletedNames(this.layout)) {
      const one = operations.at(-1);
      if (message && one !== undefined && (last === undefined || one > last)) last = one;
    }
    return last;
  }

  /** Where the message has a file of its own, if it has: its record in a journal counts no more then. */
  fileOf(id: QueueId): 'tree' | 'deleted' | undefined {
    return fileOf(this.layout, id);
  }

  /** One message of the tree, or undefined when it is gone or unreadable. */
  async treeMessage(id: QueueId): Promise<QueuedMessage | undefined> {
    const paths = { message: messagePath(this.layout, id), state: statePath(this.layout, id) };
    try {
      return await this.#readMessage(id, paths);
    } catch (error) {
      // Its outcomes may be what cannot be read: better not delivered for now than twice.
      tellUnreadable(this.#files(), paths.message, error);
      return undefined;
    }
  }

  /**
   * A message that was told of before, as it stands now by the outcomes that were read since; undefined when it is finished or gone.
   * Its record is not read again: nothing ever changes it.
   */
  async reread(message: QueuedMessage): Promise<QueuedMessage | undefined> {
    const { id, handle, envelope, size } = message;
    const where = this.fileOf(id);
    const segment = parseHandle(handle)?.journal?.segment;
    if (where === 'tree') return unfinished(await this.treeMessage(id));
    if (where !== undefined || segment === undefined) return undefined;
    if (!isThere(segmentPath(this.layout, 'journal', segment))) return undefined;
    const record = { id, envelope, length: size };
    return unfinished(makeMessage(record, { handle, where: 'journal', outcomes: this.#knownOf(id) }));
  }

  async #readMessage(id: QueueId, paths: { message: string; state: string }): Promise<QueuedMessage | undefined> {
    const head = await this.#readHead(id, paths.message);
    if (!head) return undefined;
    // In this order: outcomes go from the journals into the state file, and only then their journal goes.
    const known = this.#knownOf(id);
    const told = await this.#readState(paths.state);
    return makeMessage(head.record, { handle: treeHandle(id), where: 'tree', outcomes: [...told, ...known] });
  }

  async #readHead(id: QueueId, path: string): Promise<Head | undefined> {
    const start = this.disk.readStart(path, FIRST_READ);
    const quick = start && headIn(start.bytes);
    if (quick && isWhole(quick, start.size, id)) return quick;
    let file;
    try {
      file = await this.disk.open(path);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      if (!isForeign(error)) throw error;
      await this.#options.onCorrupt?.(path, errorText(error));
      return undefined;
    }
    try {
      const { size } = fileStat(file);
      const head = await readHead(file, size);
      if (head && isWhole(head, size, id)) return head;
      await this.#options.onCorrupt?.(path, 'torn, foreign or damaged');
      return undefined;
    } finally {
      await file.close();
    }
  }

  async #readState(path: string): Promise<Outcome[]> {
    if (!isNamed(path)) return [];
    const start = this.disk.readStart(path, FIRST_READ);
    if (start && start.bytes.length === start.size) return outcomesInLines(start.bytes);
    let file;
    try {
      file = await this.disk.open(path);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      // Without its outcomes the message would be delivered again: better not at all for now.
      if (!isForeign(error)) throw error;
      await this.#options.onCorrupt?.(path, errorText(error));
      return [];
    }
    try {
      return await outcomesIn(file);
    } finally {
      await file.close();
    }
  }

  #knownOf(id: QueueId): readonly Outcome[] {
    return this.#known?.of(id) ?? [];
  }

  #files(): SegmentFiles {
    return {
      disk: this.disk,
      layout: this.layout,
      onTrouble: (file, why) => this.#options.onCorrupt?.(file, why),
      onUnreadable: this.#options.onUnreadable,
    };
  }
}

function unfinished(message: QueuedMessage | undefined): QueuedMessage | undefined {
  return message && isUnfinished(message) ? message : undefined;
}

/** Of a small state file, as outcomesIn() reads it, but at once: most files are so, and there are very many. */
function outcomesInLines(state: Buffer): Outcome[] {
  const outcomes: Outcome[] = [];
  let from = 0;
  for (let end = state.indexOf(NEWLINE); end >= 0; end = state.indexOf(NEWLINE, from)) {
    const line = state.subarray(from, end);
    from = end + 1;
    const record = parseLine(line);
    if (record?.kind === 'message') break;
    if (record?.kind === 'outcomes' && sumHolds(line, 0)) outcomes.push(...record.outcomes);
  }
  return outcomes;
}

/** Of a state file. */
async function outcomesIn(state: FileHandle): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for await (const scanned of scanSegment(state, 0)) {
    if (scanned.kind === 'record' && scanned.record.kind === 'outcomes') outcomes.push(...scanned.record.outcomes);
  }
  return outcomes;
}

/** Unfinished messages of journals and tree; a message that is in both is told once, from the tree. */
export async function* walkQueue(options: WalkOptions): AsyncGenerator<QueuedMessage> {
  const walk = new QueueWalk(options);
  try {
    await walk.readOutcomes();
    for (const name of await listSegments(walk.layout, 'journal')) {
      const segment = await walk.segment(name, false);
      for await (const message of segment.messages()) if (walk.fileOf(message.id) === undefined) yield message;
    }
    for await (const message of walk.tree()) if (isUnfinished(message)) yield message;
  } finally {
    walk.close();
  }
}

/** The deleted queue, oldest first; or of it what one deletion took, by its id, or the `last` one. */
export async function* walkDeleted(
  options: WalkOptions & { readonly operation?: string; readonly ids?: ReadonlySet<string> },
): AsyncGenerator<QueuedMessage> {
  const walk = new QueueWalk(options);
  try {
    const operation = options.operation === 'last' ? await walk.lastDeletion() : options.operation;
    if (options.operation !== undefined && operation === undefined) return;
    await walk.readOutcomes();
    yield* walk.deleted(operation, options.ids);
  } finally {
    walk.close();
  }
}
