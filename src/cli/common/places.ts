/**
 * Where the farm's folders are: --etc and --var, else MAILFARM_ETC and MAILFARM_VAR (which bin/launch.sh may have read from
 * /etc/default/mailfarm), else beside the code.
 *
 * Commands work from within var, as workers do: its sockets have short names there, and folders above it need not be
 * readable. A command that root runs becomes the user whose queue it is, so that it leaves no file that a worker
 * can't read.
 */
import { lstatSync, statSync } from 'node:fs';
import path from 'node:path';
import { EX } from '../../base/sysexits.ts';
import { errorCode, errorText } from '../../base/text.ts';
import { codeRoot } from '../../config/paths.ts';
import type { Context } from './context.ts';

export interface Places {
  /** Absent: etc beside the code, or the embedded defaults. */
  readonly etc?: string;
  readonly var: string;
}

/** Absolute paths; nothing is looked at. */
export function resolvePlaces(
  given: { readonly etc?: string | undefined; readonly var?: string | undefined },
  context: Pick<Context, 'env' | 'cwd'>,
): Places {
  const etc = given.etc ?? (context.env['MAILFARM_ETC'] || undefined);
  const varDir = given.var ?? (context.env['MAILFARM_VAR'] || path.join(codeRoot(), 'var'));
  const absolute = path.resolve(context.cwd, varDir);
  return etc === undefined ? { var: absolute } : { etc: path.resolve(context.cwd, etc), var: absolute };
}

/** Why var is out of reach, in words for the user, and the exit status that says so. */
export interface NoEntry {
  readonly why: string;
  readonly status: number;
}

/** Makes var the working directory; undefined when it is. */
export function enterVar(places: Places): NoEntry | undefined {
  try {
    process.chdir(places.var);
    return undefined;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return { why: `${places.var} does not exist: name the farm's var directory with --var`, status: EX.UNAVAILABLE };
    }
    if (errorCode(error) !== 'EACCES') return { why: errorText(error), status: EX.UNAVAILABLE };
    return { why: `${places.var} may not be entered by this user`, status: EX.NOPERM };
  }
}

/** Gives up root for the owner of the queue, or of var where there is no such folder. Call it within var. */
export function becomeOwner(): void {
  if (process.getuid?.() !== 0) return;
  const queue = lstatSync('queue', { throwIfNoEntry: false });
  const folder = queue?.isDirectory() === true ? queue : statSync('.');
  // A link that somebody put there is his, whosever the folder is.
  const { uid, gid } = folder.uid === 0 && queue?.isSymbolicLink() === true ? queue : folder;
  if (uid === 0) return;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}
