/**
 * Makes the directories under var: run, log, queue and mail, mode 0700, owned by the user of the workers.
 *
 * As root it gives away only what root alone could have filled: a directory of root that nobody else can write to, and
 * var itself when it holds nothing but our own names. Symbolic links in place of queue and run are refused: through
 * them root would hand out somebody else's files.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  type Stats,
} from 'node:fs';
import path from 'node:path';
import { errorCode, errorText } from '../base/text.ts';
import { asOwner, type Owner } from '../process/as-owner.ts';

export interface NamedOwner extends Owner {
  readonly name: string;
}

const FOLDERS = ['run', 'log', 'queue', 'mail'] as const;
const NO_LINKS: ReadonlySet<string> = new Set(['run', 'queue']);
const OWN_NAMES: ReadonlySet<string> = new Set([...FOLDERS, 'README.md', 'lock', '.gitignore', 'lost+found']);

/** No link in its place. */
const FOLDER_ITSELF = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Prepares var. Returns what is wrong and what to do about it, or undefined. `owner` only when we are root. */
export function prepareVar(varDir: string, owner?: NamedOwner): string | undefined {
  try {
    makeDurably(path.resolve(varDir));
    if (owner !== undefined && lstatSync(varDir).uid === 0 && holdsOnlyOurs(varDir)) giveVar(varDir, owner);
    if (owner !== undefined && lstatSync(varDir).uid !== owner.uid) makeLock(varDir, owner);
    for (const name of FOLDERS) {
      const problem = prepareFolder(path.join(varDir, name), NO_LINKS.has(name), owner);
      if (problem !== undefined) return problem;
    }
    return undefined;
  } catch (error) {
    return `${varDir}: ${errorText(error)}`;
  }
}

/** The workers see to names in var; a var that we made needs one too, or the first crash takes it with all mail in it. */
function makeDurably(dir: string): void {
  const first = mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = dir; made.length >= first.length; made = path.dirname(made)) syncFolder(path.dirname(made));
}

function syncFolder(dir: string): void {
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function holdsOnlyOurs(dir: string): boolean {
  return readdirSync(dir).every((name) => OWN_NAMES.has(name));
}

/** Root made the lock, if there was a start before. */
function giveVar(varDir: string, owner: Owner): void {
  const lock = path.join(varDir, 'lock');
  const stat = statOf(lock);
  if (stat?.isFile() === true && stat.nlink === 1) lchownSync(lock, owner.uid, owner.gid);
  chown(varDir, owner);
}

/** In a var that is somebody else's, where the workers' user cannot make it. */
function makeLock(varDir: string, owner: Owner): void {
  const lock = path.join(varDir, 'lock');
  if (statOf(lock) !== undefined) return;
  try {
    const fd = openSync(lock, 'wx', 0o600);
    fchownSync(fd, owner.uid, owner.gid);
    closeSync(fd);
  } catch (error) {
    // Another start made it just now.
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

function prepareFolder(dir: string, noLink: boolean, owner: NamedOwner | undefined): string | undefined {
  const stat = statOf(dir);
  if (stat === undefined) {
    makeFolder(dir, owner);
    return undefined;
  }
  if (stat.isSymbolicLink()) return noLink ? `${dir} is a symbolic link: make it a directory` : undefined;
  if (!stat.isDirectory()) return `${dir} is no directory`;
  return checkOwner(dir, stat, owner) ?? tighten(dir, stat, owner);
}

/** Whoever owns var may put something else in the folder's place at any time. */
function makeFolder(dir: string, owner: Owner | undefined): void {
  const make = (): void => mkdirSync(dir, { mode: 0o700 });
  if (owner === undefined || lstatSync(path.dirname(dir)).uid === owner.uid) return asOwner(owner, make);
  make();
  const fd = openSync(dir, FOLDER_ITSELF);
  fchownSync(fd, owner.uid, owner.gid);
  closeSync(fd);
}

function checkOwner(dir: string, stat: Stats, owner: NamedOwner | undefined): string | undefined {
  const wanted = owner?.uid ?? process.getuid?.() ?? stat.uid;
  if (stat.uid === wanted) return undefined;
  if (owner !== undefined && stat.uid === 0 && (stat.mode & 0o022) === 0) {
    giveTree(dir, owner);
    return undefined;
  }
  const name = owner?.name ?? wanted;
  return `${dir} belongs to uid ${stat.uid}, and the workers run as ${name}: chown -R ${name} ${dir}`;
}

function tighten(dir: string, stat: Stats, owner: Owner | undefined): undefined {
  if ((stat.mode & 0o077) !== 0) asOwner(owner, () => chmodSync(dir, 0o700));
}

/**
 * From the bottom up: until the top is given away, nobody else can reach inside. By descriptor: whoever owns the folder above may put
 * a link to another one in its place meanwhile.
 */
function giveTree(dir: string, owner: Owner): void {
  const fd = openSync(dir, FOLDER_ITSELF);
  try {
    if (fstatSync(fd).uid !== 0) return;
    const held = `/proc/self/fd/${fd}`;
    for (const entry of readdirSync(held, { withFileTypes: true })) {
      const file = `${held}/${entry.name}`;
      if (entry.isDirectory()) giveTree(file, owner);
      else if (lstatSync(file).nlink === 1) lchownSync(file, owner.uid, owner.gid);
    }
    fchownSync(fd, owner.uid, owner.gid);
  } finally {
    closeSync(fd);
  }
}

function chown(dir: string, owner: Owner): void {
  chownSync(dir, owner.uid, owner.gid);
}

function statOf(file: string): Stats | undefined {
  try {
    return lstatSync(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
