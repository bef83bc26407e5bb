/**
 * Work on files in folders that belong to somebody else, done as him. Root that goes by a name in such a folder can be led
 * anywhere: whoever owns the folder may put a link there at any moment. As its owner we can do no more than he can.
 */
import { lstatSync, realpathSync } from 'node:fs';
import path from 'node:path';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Does it as the owner where we are root and there is one. It must be done when it returns: the whole process is the owner meanwhile. */
export function asOwner<T>(owner: Owner | undefined, work: () => T): T {
  if (owner === undefined || process.geteuid?.() !== 0) return work();
  const { getgroups, setgroups, getegid, setegid, seteuid } = process;
  if (!getgroups || !setgroups || !getegid || !setegid || !seteuid) return work();
  const [groups, gid] = [getgroups(), getegid()];
  try {
    setgroups([owner.gid]);
    setegid(owner.gid);
    seteuid(owner.uid);
    return work();
  } finally {
    seteuid(0);
    setegid(gid);
    setgroups(groups);
  }
}

/** Who is to work on a file: its folder's owner, or root itself where nobody else can change a folder on the way to it. Where that cannot be told, it is the owner. */
export function ownerAt(file: string, owner: Owner | undefined): Owner | undefined {
  if (owner === undefined) return undefined;
  try {
    const folder = path.dirname(path.resolve(file));
    return isRootsOwn(folder) && isRootsOwn(realpathSync(folder)) ? undefined : owner;
  } catch {
    // var was moved, or root may not look there: the work itself says what is wrong.
    return owner;
  }
}

/** In a sticky folder nobody moves what is another's. */
function isRootsOwn(folder: string): boolean {
  const found = lstatSync(folder);
  const open = !found.isSymbolicLink() && (found.mode & 0o022) !== 0 && (found.mode & 0o1000) === 0;
  const parent = path.dirname(folder);
  return found.uid === 0 && !open && (parent === folder || isRootsOwn(parent));
}
