/**
 * The file operations that durability rests on, as one object, so that a test can make each step fail. Everything that the
 * queue promises goes through these, but for looks whether a name is there: write, fdatasync, link, rename, sync of a directory.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, statSync, type Stats } from 'node:fs';
import fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { errorCode } from '../base/text.ts';
import { StorageFull } from './store.ts';

export interface Disk {
  /** Creates a file that must not exist, mode 0600, for reading and writing. */
  create(path: string): Promise<FileHandle>;
  /** Opens for appending (and reading), creating it when missing. */
  append(path: string): Promise<FileHandle>;
  /** Opens a regular file for reading. Symbolic links and FIFOs are refused without waiting on them. */
  open(path: string): Promise<FileHandle>;
  /** The first bytes of a regular file, at once. Undefined after one that was slow, or when anything is in the way: open() tells. */
  readStart(path: string, most: number): FileStart | undefined;
  writeAt(file: FileHandle, buffers: readonly Uint8Array[], position: number): Promise<void>;
  datasync(file: FileHandle): Promise<void>;
  /** A second name, in place of none; rejects with EEXIST. */
  link(from: string, to: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; one that is gone already is no error. */
  unlink(path: string): Promise<void>;
  /** Makes names in the directory durable. Calls that come while one runs share the next one. */
  syncFolder(path: string): Promise<void>;
}

/** How a file begins: all of it where it is no longer than was asked for. */
export interface FileStart {
  readonly size: number;
  readonly bytes: Buffer;
}

/** `alone`: nobody else is served by this thread, so a slow disk may hold it up. */
export function createDisk(options: { readonly alone?: boolean } = {}): Disk {
  const sync = shareRuns(syncFolderNow);
  return {
    create: (path) =>
      fs.open(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | constants.O_NOFOLLOW, 0o600),
    append: (path) =>
      fs.open(path, constants.O_CREAT | constants.O_APPEND | constants.O_RDWR | constants.O_NOFOLLOW, 0o600),
    open: openRegular,
    readStart: options.alone === true ? startOf : quickReads(),
    writeAt: writeAll,
    datasync: (file) => file.datasync(),
    link: (from, to) => fs.link(from, to),
    rename: (from, to) => fs.rename(from, to),
    unlink: removeFile,
    syncFolder: sync,
  };
}

/** Not a regular file: a queue file's name stands for something else. */
class ForeignFile extends Error {
  override readonly name = 'ForeignFile';
}

const FOREIGN: ReadonlySet<string> = new Set(['ELOOP', 'ENXIO', 'EISDIR']);

/**
 * True when opening failed because of what the name stands for, so that trying again is in vain. Anything else (no descriptor
 * left, a failing disk) says nothing about the file: it must never be taken for an empty one.
 */
export function isForeign(error: unknown): boolean {
  return error instanceof ForeignFile || FOREIGN.has(errorCode(error) ?? '');
}

const UNREADABLE: ReadonlySet<string> = new Set(['EIO', 'EBADMSG', 'EUCLEAN']);

/** True when the medium does not give back what is there: a bad sector, a block whose sum is wrong. */
export function isUnreadable(error: unknown): boolean {
  return UNREADABLE.has(errorCode(error) ?? '');
}

/** Of an open file: the kernel has it at hand, and a turn of the thread pool costs twenty times as much. */
export function fileStat(file: FileHandle): Stats {
  return fstatSync(file.fd);
}

async function openRegular(path: string): Promise<FileHandle> {
  const file = await openOurs(path);
  try {
    if (!fileStat(file).isFile()) throw new ForeignFile(`${path} is not a regular file`);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

const READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A file that we may not read is none of ours. Where we may not enter its folder, we know nothing of the file. */
async function openOurs(path: string): Promise<FileHandle> {
  try {
    return await fs.open(path, READ_ONLY);
  } catch (error) {
    if (errorCode(error) !== 'EACCES') throw error;
    await fs.lstat(path);
    throw new ForeignFile(`${path} may not be read`, { cause: error });
  }
}

/** A read that takes longer, in ms, waited for a slow disk. */
const SLOW_MS = 8;
const POOL_MS = 500;

/**
 * Reads in this thread: three turns of the thread pool cost twenty times as much as a small file that the kernel has at hand. After a
 * slow one nothing is read so for a while, or who else is served by this thread would wait for the disk.
 */
function quickReads(): Disk['readStart'] {
  let notBefore = -Infinity;
  return (path, most) => {
    const begun = performance.now();
    if (begun < notBefore) return undefined;
    const start = startOf(path, most);
    const ended = performance.now();
    if (ended - begun > SLOW_MS) notBefore = ended + POOL_MS;
    return start;
  };
}

function startOf(path: string, most: number): FileStart | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, READ_ONLY);
    const stats = fstatSync(fd);
    if (!stats.isFile()) return undefined;
    const bytes = Buffer.allocUnsafe(Math.min(stats.size, most));
    return readSync(fd, bytes, 0, bytes.length, 0) === bytes.length ? { size: stats.size, bytes } : undefined;
  } catch {
    // Whatever it is, open() and what follows meet it too.
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** At most this many buffers go into one writev (IOV_MAX is 1024). */
const MAX_VECTOR = 1000;

async function writeAll(file: FileHandle, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let at = position;
  for (let i = 0; i < buffers.length; i += MAX_VECTOR) {
    const slice = buffers.slice(i, i + MAX_VECTOR);
    const wanted = slice.reduce((sum, buffer) => sum + buffer.length, 0);
    const { bytesWritten } = await file.writev(slice, at);
    // A short write means that the disk or a quota filled up, or a file size limit was met.
    if (bytesWritten < wanted) await writeRest(file, { bytes: Buffer.concat(slice), done: bytesWritten, at });
    at += wanted;
  }
}

async function writeRest(file: FileHandle, state: { bytes: Buffer; done: number; at: number }): Promise<void> {
  let { done } = state;
  while (done < state.bytes.length) {
    const { bytesWritten } = await file.write(state.bytes, done, state.bytes.length - done, state.at + done);
    if (bytesWritten === 0) throw new StorageFull('the disk takes no more bytes');
    done += bytesWritten;
  }
}

async function removeFile(path: string): Promise<void> {
  try {
    await fs.unlink(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

async function syncFolderNow(path: string): Promise<void> {
  const file = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A run that began before a call may have missed the caller's rename, so late callers share the next run. */
function shareRuns(run: (path: string) => Promise<void>): (path: string) => Promise<void> {
  const running = new Map<string, Promise<void>>();
  const next = new Map<string, Promise<void>>();
  const start = (path: string): Promise<void> => {
    const promise = run(path).finally(() => running.delete(path));
    running.set(path, promise);
    return promise;
  };
  return (path) => {
    const current = running.get(path);
    if (!current) return start(path);
    let waiting = next.get(path);
    if (!waiting) {
      const begin = (): Promise<void> => {
        next.delete(path);
        return start(path);
      };
      waiting = current.then(begin, begin);
      next.set(path, waiting);
    }
    return waiting;
  };
}

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The same error, as StorageFull where the disk, the quota or the file size limit is at its end. */
export function asStorageError(error: unknown): Error {
  const code = errorCode(error);
  if (code !== undefined && FULL.has(code)) return new StorageFull((error as Error).message, { cause: error });
  return error instanceof Error ? error : new Error(String(error));
}

/** Whether there is such a file. Trouble with looking is no answer: it is thrown. */
export async function exists(path: string): Promise<boolean> {
  try {
    await fs.access(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Two names of one file. A name that is missing is none of its. */
export async function isSameFile(one: string, other: string): Promise<boolean> {
  try {
    const [a, b] = await Promise.all([fs.lstat(one), fs.lstat(other)]);
    return a.ino === b.ino && a.dev === b.dev;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Whether something has that name, a link that leads nowhere too. */
export function isNamed(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** As exists(), at once, for whoever asks of very many: a turn of the thread pool costs twenty times as much. */
export function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
