/**
 * Whom the workers run as. Only the supervisor may be root: it binds ports, then every worker starts as an
 * unprivileged user. Nothing is decided when it was not started as root.
 */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export type Choice =
  | { readonly ok: true; readonly user: User | undefined; readonly warning?: string }
  | { readonly ok: false; readonly why: string };

/** Tried in this order when the configuration names nobody. */
const DEFAULT_USERS = ['mailfarm', 'nobody'];

/** The user for the workers; undefined: the one that runs us. `wanted` is config.user, a name or a number. */
export function chooseUser(wanted: string | undefined): Choice {
  if (process.getuid?.() !== 0) return { ok: true, user: undefined };
  if (wanted === undefined) return chooseDefault();
  const user = findUser(wanted);
  if (user === undefined) return { ok: false, why: `there is no user ${wanted} on this machine` };
  if (user.uid !== 0) return { ok: true, user };
  return { ok: true, user: undefined, warning: 'all workers run as root, as user: root asks' };
}

function chooseDefault(): Choice {
  for (const name of DEFAULT_USERS) {
    const user = findUser(name);
    if (user !== undefined) return { ok: true, user };
  }
  return { ok: false, why: 'set it to an unprivileged user: there is neither mailfarm nor nobody' };
}

/** Asks id(1), which knows of every source of users. */
export function findUser(name: string): User | undefined {
  const [uid, gid] = ['-u', '-g'].map((flag) => {
    const done = spawnSync('id', [flag, '--', name], { encoding: 'utf8', timeout: 5000 });
    return done.status === 0 ? Number.parseInt(done.stdout, 10) : Number.NaN;
  });
  if (!Number.isSafeInteger(uid) || !Number.isSafeInteger(gid)) return undefined;
  return { name, uid: uid as number, gid: gid as number };
}

/** Why the user could not run our code, with what to do about it; undefined when it can. */
export function whyUnreadable(user: User, files: readonly string[]): string | undefined {
  const bad = files.find((file) => !canRead(user, file));
  if (bad === undefined) return undefined;
  const blocked = parents(bad).filter((dir) => (statSync(dir).mode & 0o001) === 0);
  const remedy = blocked.length > 0 ? `chmod o+x ${blocked.join(' ')}` : `chmod -R o+rX ${path.dirname(bad)}`;
  return `user ${user.name} cannot read ${bad}: ${remedy}, or run the workers as root: --set user=root`;
}

export function canRead(user: User, file: string): boolean {
  const { uid, gid } = user;
  return spawnSync('/bin/sh', ['-c', 'test -r "$0"', file], { uid, gid, cwd: '/', timeout: 5000 }).status === 0;
}

/** From the root down. */
function parents(file: string): string[] {
  const dir = path.dirname(file);
  return dir === file ? [] : [...parents(dir), dir];
}
