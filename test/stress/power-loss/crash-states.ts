/**
 * What a crash at one instant could leave: what was synced is there; everything else is there or not, each on its own. Content that
 * was not synced may also be zeros, or torn at any byte.
 */
import { contentOf, type Change, type DiskModel, type Node } from './disk-model.ts';
import type { Time } from './record.ts';

/** A file of a state: names with one inode are one file. Without content it is a folder. */
export interface Left {
  readonly inode: number;
  readonly content: Buffer | undefined;
}

/** By path below var. */
export type DiskState = ReadonlyMap<string, Left>;

/** How the open questions of one state are decided. */
export interface Policy {
  readonly name: string;
  /** Which of the things that a name may stand for: 0 is the durable one, the last is the newest. */
  readonly pickName: (options: readonly (Node | undefined)[], folder: Node) => number;
  readonly pickData: () => Fate;
  readonly random: () => number;
}

/** What became of one write. */
type Fate = 'absent' | 'present' | 'zeros' | 'torn';
const FATES: readonly Fate[] = ['absent', 'present', 'zeros', 'torn'];

type PickName = Policy['pickName'];

const newest: PickName = (options) => options.length - 1;
const oldest: PickName = () => 0;
const gone: PickName = (options) => Math.max(0, options.lastIndexOf(undefined));
const there: PickName = (options) => options.findLastIndex((node) => node !== undefined);

/** Extremes first: each finds mistakes that chance finds late. Each state needs a policy of its own: some remember. */
export function makePolicies(random: () => number): readonly (() => Policy)[] {
  const any = (): Fate => FATES[Math.floor(random() * FATES.length)] ?? 'absent';
  const one = (name: string, pickName: PickName, pickData: () => Fate): (() => Policy) => {
    return () => ({ name, pickName, pickData, random });
  };
  return [
    one('nothing unsynced', oldest, () => 'absent'),
    one('everything', newest, () => 'present'),
    one('names without content', newest, () => 'absent'),
    one('names with zeros', newest, () => 'zeros'),
    one('content without names', oldest, () => 'present'),
    one('all removals, no additions', gone, any),
    one('all additions, no removals', there, () => 'present'),
    one('at random', (options) => Math.floor(random() * options.length), any),
    () => ({ name: 'some folders', pickName: wholeFolders(random), pickData: any, random }),
  ];
}

/** Each folder is as new or as old as can be: what is removed in one and kept in another. */
function wholeFolders(random: () => number): PickName {
  const fresh = new Map<Node, boolean>();
  return (options, folder) => {
    const known = fresh.get(folder) ?? random() < 0.5;
    fresh.set(folder, known);
    return known ? options.length - 1 : 0;
  };
}

/** Builds one state. */
export function crashAt(model: DiskModel, at: Time, policy: Policy): DiskState {
  const state = new Map<string, Left>();
  const contents = new Map<Node, Buffer>();
  const visit = (folder: Node, path: string): void => {
    const synced = syncedUntil(folder, at);
    for (const [name, history] of folder.names) {
      const node = pickNode(history, { at, synced, policy, folder });
      if (node === undefined) continue;
      const below = path === '' ? name : `${path}/${name}`;
      // Decided once for all names of a file.
      const content = node.isFolder ? undefined : (contents.get(node) ?? pickContent(node, at, policy));
      if (content !== undefined) contents.set(node, content);
      state.set(below, { inode: node.id, content });
      if (node.isFolder) visit(node, below);
    }
  };
  visit(model.root, '');
  return state;
}

/** Changes that ended by then are durable. */
function syncedUntil(node: Node, at: Time): Time {
  let until = -1;
  for (const sync of node.syncs) if (sync.end <= at && sync.begin > until) until = sync.begin;
  return until;
}

function pickNode(
  history: readonly { begin: Time; end: Time; node: Node | undefined }[],
  how: { at: Time; synced: Time; policy: Policy; folder: Node },
): Node | undefined {
  const options: (Node | undefined)[] = [undefined];
  for (const { begin, end, node } of history) {
    if (end <= how.synced) options.length = 0;
    if (begin < how.at) options.push(node);
  }
  if (options.length === 1) return options[0];
  const picked = how.policy.pickName(options, how.folder);
  return options[Math.max(0, picked)];
}

/** Built once for as many durable changes as there are. */
const durable = new WeakMap<Node, { readonly count: number; readonly content: Buffer }>();

function pickContent(node: Node, at: Time, policy: Policy): Buffer {
  const synced = syncedUntil(node, at);
  const count = node.changes.findLastIndex((change) => change.end <= synced) + 1;
  let known = durable.get(node);
  if (known?.count !== count) {
    known = { count, content: contentOf(node.changes.slice(0, count)) };
    durable.set(node, known);
  }
  const open = node.changes.slice(count).filter((change) => change.begin < at);
  if (open.length === 0) return known.content;
  const changes: Change[] = known.content.length > 0 ? [whole(known.content)] : [];
  for (const change of open) changes.push(...leftOf(change, policy));
  return contentOf(changes);
}

function whole(data: Buffer): Change {
  return { kind: 'write', at: 0, data, begin: 0, end: 0 };
}

function leftOf(change: Change, policy: Policy): Change[] {
  const fate = policy.pickData();
  if (fate === 'present') return [change];
  if (fate === 'absent' || change.kind === 'truncate') return [];
  if (fate === 'zeros') return [{ ...change, data: Buffer.alloc(change.data.length) }];
  const at = Math.floor(policy.random() * change.data.length);
  if (policy.random() < 0.5) return [{ ...change, data: change.data.subarray(0, at) }];
  // The later blocks came, the earlier did not.
  const data = Buffer.from(change.data);
  return [{ ...change, data: data.fill(0, 0, at) }];
}
