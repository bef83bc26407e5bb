/**
 * Work on files in folders that belong to somebody else, done as him. Root that goes by a name in such a folder can be led
 * anywhere: whoever owns the folder may put a link there at any moment. As its owner we can do no more than he can.
 */
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
