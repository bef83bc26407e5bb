/** Puts one state after another into a real folder, changing only what differs. */
import fs from 'node:fs';
import { join } from 'node:path';
import type { DiskState, Left } from './crash-states.ts';

export class StateFolder {
  readonly folder: string;
  #there: Map<string, Left> = new Map();

  constructor(folder: string) {
    this.folder = folder;
    fs.mkdirSync(folder, { recursive: true });
  }

  put(state: DiskState): void {
    this.#look();
    const paths = [...this.#there.keys()].toSorted().toReversed();
    const linked = linkedInodes(state, this.#there);
    for (const path of paths) {
      const now = state.get(path);
      const before = this.#there.get(path);
      if (now !== undefined && before !== undefined && isSame(now, before) && !linked.has(now.inode)) continue;
      if (now !== undefined && now.content === undefined && before?.content === undefined) continue;
      fs.rmSync(join(this.folder, path), { recursive: true, force: true });
      this.#there.delete(path);
    }
    const first = new Map<number, string>();
    for (const [path, left] of state) {
      const file = join(this.folder, path);
      const other = first.get(left.inode);
      if (!this.#there.has(path)) {
        if (left.content === undefined) fs.mkdirSync(file, { mode: 0o700 });
        else if (other !== undefined) fs.linkSync(other, file);
        else fs.writeFileSync(file, left.content, { mode: 0o600 });
      }
      first.set(left.inode, file);
      this.#there.set(path, left);
    }
  }

  /** A recovery may have moved and changed files since: what is not as we left it is put anew. */
  #look(): void {
    const found = new Map<string, Left>();
    for (const entry of fs.readdirSync(this.folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name).slice(this.folder.length + 1);
      const known = this.#there.get(path);
      const same =
        known !== undefined && (known.content === undefined) === entry.isDirectory() && this.#sizeHolds(path, known);
      found.set(path, same ? known : { inode: -1, content: entry.isDirectory() ? undefined : UNKNOWN });
    }
    this.#there = found;
  }

  #sizeHolds(path: string, { content }: Left): boolean {
    return content === undefined || fs.statSync(join(this.folder, path)).size === content.length;
  }
}

const UNKNOWN = Buffer.from('unknown');

function isSame(a: Left, b: Left): boolean {
  if (a.content === b.content) return a.inode === b.inode;
  return a.inode === b.inode && a.content !== undefined && b.content !== undefined && a.content.equals(b.content);
}

/** Files with more than one name in either: all their names are put anew when any of them differs. */
function linkedInodes(state: DiskState, there: DiskState): ReadonlySet<number> {
  const changed = new Set<number>();
  const namesOf = (of: DiskState): Map<number, string[]> => {
    const names = new Map<number, string[]>();
    for (const [path, { inode, content }] of of) {
      if (content !== undefined) names.set(inode, [...(names.get(inode) ?? []), path]);
    }
    return names;
  };
  const [now, before] = [namesOf(state), namesOf(there)];
  for (const [inode, paths] of now) {
    const old = before.get(inode) ?? [];
    if (paths.length < 2 && old.length < 2) continue;
    if (paths.toSorted().join('\n') !== old.toSorted().join('\n')) changed.add(inode);
    else if (!paths.every((path) => isSame(state.get(path) as Left, there.get(path) as Left))) changed.add(inode);
  }
  return changed;
}
