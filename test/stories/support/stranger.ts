/**
 * A farm of a user who is nobody else: for limits that count what a user runs, and for permissions, neither of which holds for
 * root. Only root can become somebody, so a test that needs it skips where we are not root.
 */
import { execFileSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Folders } from '../../support/farm.ts';

/** No user has this number on a machine that we know of. */
const FIRST_UID = 61_000;
const UIDS = 4000;

export interface Stranger {
  readonly uid: number;
  /** For startFarm(): what runs a command as this user. */
  readonly wrap: readonly string[];
}

/** The owner of these folders from now on; undefined where we are not root, or have no setpriv. */
export function makeStranger(folders: Folders): Stranger | undefined {
  if (userInfo().uid !== 0) return undefined;
  const uid = FIRST_UID + (process.pid % UIDS);
  const wrap = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  try {
    execFileSync(wrap[0] ?? '', [...wrap.slice(1), 'true'], { stdio: 'pipe' });
  } catch {
    return undefined;
  }
  for (const path of [folders.root, folders.var, folders.etc]) chownSync(path, uid, uid);
  return { uid, wrap };
}
