/**
 * The disk of a run, as a history: every file with its writes and syncs, every folder with what its names stood for and its
 * syncs. From it follows, for each instant, what a crash leaves for certain and what is open (crash-states.ts).
 *
 * Assumed of the disk: only what POSIX promises. A sync of a file makes the writes durable that were done before it began, and no
 * name. A sync of a folder makes the names durable that were changed before it began, and no content. A name is changed or it is
 * not. Nothing else: no order between files, none between folders, not even within one rename.
 */
import type { CallEvent, Time } from './record.ts';

interface Span {
  readonly begin: Time;
  readonly end: Time;
}

export type Change = Span &
  (
    | { readonly kind: 'write'; readonly at: number; readonly data: Buffer }
    | { readonly kind: 'truncate'; readonly length: number }
  );

export interface Node {
  readonly id: number;
  readonly isFolder: boolean;
  /** Of a file. */
  readonly changes: Change[];
  /** Of a folder: what each name came to stand for, in order. */
  readonly names: Map<string, (Span & { readonly node: Node | undefined })[]>;
  readonly syncs: Span[];
}

export class DiskModel {
  readonly root: Node;
  /** Every instant at which something changed. */
  readonly instants: Time[] = [];
  readonly #handles = new Map<string, Node>();
  #nodes = 0;

  constructor(events: readonly CallEvent[]) {
    this.root = this.#newNode(true);
    const instants = new Set<Time>();
    for (const event of inOrder(events, (candidate) => this.#apply(candidate))) {
      if (event.op === 'open' && !event.creates) continue;
      instants.add(event.begin).add(event.end);
    }
    this.instants.push(...[...instants].toSorted((a, b) => a - b));
  }

  /** What the running system saw in the end: path to content, or undefined for a folder. */
  finalFiles(): Map<string, Buffer | undefined> {
    const files = new Map<string, Buffer | undefined>();
    const visit = (node: Node, path: string): void => {
      for (const [name, history] of node.names) {
        const child = history.at(-1)?.node;
        if (child === undefined) continue;
        const below = path === '' ? name : `${path}/${name}`;
        files.set(below, child.isFolder ? undefined : contentOf(child.changes));
        if (child.isFolder) visit(child, below);
      }
    };
    visit(this.root, '');
    return files;
  }

  /** False when it cannot have happened yet: another process's call that it rests on comes later in the list. */
  #apply(event: CallEvent): boolean {
    switch (event.op) {
      case 'open':
        return this.#open(event);
      case 'write':
      case 'truncate':
      case 'sync':
        return this.#onHandle(event);
      case 'mkdir':
        return this.#mkdir(event, event.path);
      case 'unlink':
        return this.#remove(event, event.path);
      default:
        return this.#moveOrLink(event);
    }
  }

  #open(event: CallEvent & { op: 'open' }): boolean {
    // A file that must not exist is another one than what has the name still.
    if (event.exclusive && this.#find(event.path) !== undefined) return false;
    let node = this.#find(event.path) ?? (event.creates ? undefined : this.#goneSince(event.path, event.begin));
    if (node === undefined && event.creates) {
      node = this.#newNode(false);
      if (!this.#name(event, event.path, node)) return false;
    }
    if (node === undefined) return false;
    if (event.truncates && node.changes.length > 0)
      node.changes.push({ ...spanOf(event), kind: 'truncate', length: 0 });
    this.#handles.set(event.handle, node);
    return true;
  }

  #onHandle(event: CallEvent & { op: 'write' | 'truncate' | 'sync' }): boolean {
    const node = this.#handles.get(event.handle);
    if (node === undefined) return false;
    const span = spanOf(event);
    if (event.op === 'sync') node.syncs.push(span);
    else if (event.op === 'truncate') node.changes.push({ ...span, kind: 'truncate', length: event.length });
    else {
      const at = event.at === -1 ? lengthOf(node.changes) : event.at;
      node.changes.push({ ...span, kind: 'write', at, data: event.data });
    }
    return true;
  }

  #mkdir(event: CallEvent & { op: 'mkdir' }, path: string): boolean {
    if (path === '') return true;
    const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
    if (this.#find(parent) === undefined && !(event.recursive && this.#mkdir(event, parent))) return false;
    if (this.#find(path) !== undefined) return event.recursive;
    return this.#name(event, path, this.#newNode(true));
  }

  #remove(event: CallEvent, path: string): boolean {
    return this.#find(path) !== undefined && this.#name(event, path, undefined);
  }

  #moveOrLink(event: CallEvent & { op: 'link' | 'rename' }): boolean {
    const node = this.#find(event.path);
    if (node === undefined || (event.op === 'link' && this.#find(event.to) !== undefined)) return false;
    if (!this.#name(event, event.to, node)) return false;
    return event.op === 'link' || this.#name(event, event.path, undefined);
  }

  #name(span: Span, path: string, node: Node | undefined): boolean {
    const cut = path.lastIndexOf('/');
    const folder = this.#find(cut < 0 ? '' : path.slice(0, cut));
    if (folder === undefined) return false;
    const name = path.slice(cut + 1);
    const history = folder.names.get(name) ?? [];
    history.push({ begin: span.begin, end: span.end, node });
    folder.names.set(name, history);
    return true;
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const part of path === '' ? [] : path.split('/')) node = node?.names.get(part)?.at(-1)?.node;
    return node;
  }

  /** What the name stood for when a call began that ended after the name was gone. */
  #goneSince(path: string, begin: Time): Node | undefined {
    const cut = path.lastIndexOf('/');
    const history = this.#find(path.slice(0, Math.max(0, cut)))?.names.get(path.slice(cut + 1));
    return (history?.at(-1)?.end ?? 0) > begin ? history?.at(-2)?.node : undefined;
  }

  #newNode(isFolder: boolean): Node {
    this.#nodes += 1;
    return { id: this.#nodes, isFolder, changes: [], names: new Map(), syncs: [] };
  }
}

/**
 * The calls in an order in which each can have happened. A process notes the end of a call a moment late, so another may have
 * used its effect before: what cannot have happened yet waits for the next.
 */
function* inOrder(events: readonly CallEvent[], apply: (event: CallEvent) => boolean): Generator<CallEvent> {
  let waiting: CallEvent[] = [];
  for (const event of events) {
    if (!apply(event)) {
      waiting.push(event);
      continue;
    }
    yield event;
    for (let again = true; again && waiting.length > 0;) {
      const left = waiting.filter((candidate) => !apply(candidate));
      again = left.length < waiting.length;
      yield* waiting.filter((candidate) => !left.includes(candidate));
      waiting = left;
    }
  }
  const impossible = waiting.filter((event) => event.unended !== true);
  if (impossible.length > 0)
    throw new Error(`the record does not fit together: ${JSON.stringify(impossible.slice(0, 3))}`);
}

function spanOf({ begin, end }: Span): Span {
  return { begin, end };
}

function lengthOf(changes: readonly Change[]): number {
  let length = 0;
  for (const change of changes) {
    length = change.kind === 'truncate' ? change.length : Math.max(length, change.at + change.data.length);
  }
  return length;
}

/** The content after these changes; holes are zeros. */
export function contentOf(changes: readonly Change[]): Buffer {
  const content = Buffer.alloc(
    Math.max(0, ...changes.map((change) => (change.kind === 'write' ? change.at + change.data.length : change.length))),
  );
  let length = 0;
  for (const change of changes) {
    if (change.kind === 'truncate') {
      content.fill(0, Math.min(change.length, length));
      length = change.length;
    } else {
      change.data.copy(content, change.at);
      length = Math.max(length, change.at + change.data.length);
    }
  }
  return content.subarray(0, length);
}
