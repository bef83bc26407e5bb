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

export interface Owner {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const FOLDERS = ['run', 'log', 'queue', 'mail'] as const;
const NO_LINKS: ReadonlySet<string> = new Set(['run', 'queue']);
const OWN_NAMES: ReadonlySet<string> = new Set([...FOLDERS, 'README.md', 'lock', '.gitignore']);

/** Prepares var. Returns what is wrong and what to do about it, or undefined. `owner` only when we are root. */
export function prepareVar(varDir: string, owner?: Owner): string | undefined {
  try {
    makeDurably(path.resolve(varDir));
    if (owner !== undefined && lstatSync(varDir).uid === 0 && holdsOnlyOurs(varDir)) chown(varDir, owner);
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

function prepareFolder(dir: string, noLink: boolean, owner: Owner | undefined): string | undefined {
  const stat = statOf(dir);
  if (stat === undefined) {
    mkdirSync(dir, { mode: 0o700 });
    if (owner !== undefined) chown(dir, owner);
    return undefined;
  }
  if (stat.isSymbolicLink()) return noLink ? `${dir} is a symbolic link: make it a directory` : undefined;
  if (!stat.isDirectory()) return `${dir} is no directory`;
  return checkOwner(dir, stat, owner) ?? tighten(dir, stat);
}

function checkOwner(dir: string, stat: Stats, owner: Owner | undefined): string | undefined {
  const wanted = owner?.uid ?? process.getuid?.() ?? stat.uid;
  if (stat.uid === wanted) return undefined;
  if (owner !== undefined && stat.uid === 0 && (stat.mode & 0o022) === 0) {
    giveTree(dir, owner);
    return undefined;
  }
  const name = owner?.name ?? wanted;
  return `${dir} belongs to uid ${stat.uid}, and the workers run as ${name}: chown -R ${name} ${dir}`;
}

function tighten(dir: string, stat: Stats): undefined {
  if ((stat.mode & 0o077) !== 0) chmodSync(dir, 0o700);
}

/** From the bottom up: until the top is given away, nobody else can reach inside. */
function giveTree(dir: string, owner: Owner): void {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) giveTree(file, owner);
    else if (lstatSync(file).nlink === 1) lchownSync(file, owner.uid, owner.gid);
  }
  chown(dir, owner);
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
