/**
 * Opens the log file for appending, and moves full ones aside: mailfarm.log → mailfarm.log.1 → mailfarm.log.2 …
 *
 * It follows no symbolic link and writes to nothing but a regular file: an operator who is not us may be able to write
 * to the folder. A torn last line, left by a crash in mid-write, can be ended, so that every line stays a line.
 */
import { constants, type Stats } from 'node:fs';
import * as fsCallback from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { errorCode } from '../base/text.ts';

export interface OpenFile {
  /** Belongs to the caller, who closes it. */
  readonly fd: number;
  readonly inode: number;
  readonly size: number;
}

const open = promisify(fsCallback.open);
const close = promisify(fsCallback.close);
const stat = promisify<number, Stats>(fsCallback.fstat);

const NEWLINE = 0x0a;
// Without NONBLOCK, opening a FIFO in place of the file would wait for a reader.
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Opens `file`, made with its folder where missing; mode 0600. Rejects with the system's error, or when it is no file. */
export async function openLogFile(file: string, options: { readonly mend: boolean }): Promise<OpenFile> {
  await fs.mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const fd = await open(file, FLAGS, 0o600);
  try {
    const found = await stat(fd);
    if (!found.isFile()) throw new Error(`${file} is not a regular file`);
    const added = options.mend ? mend(fd, found.size) : 0;
    return { fd, inode: found.ino, size: found.size + added };
  } catch (error) {
    await close(fd);
    throw error;
  }
}

/** Ends a torn last line; returns the bytes added. */
function mend(fd: number, size: number): number {
  const last = Buffer.alloc(1, NEWLINE);
  if (size > 0) fsCallback.readSync(fd, last, 0, 1, size - 1);
  return last[0] === NEWLINE ? 0 : fsCallback.writeSync(fd, '\n');
}

/** True when `file` is not there any more, or is another file than the one with this inode. */
export async function wasReplaced(file: string, inode: number): Promise<boolean> {
  try {
    return (await fs.lstat(file)).ino !== inode;
  } catch (error) {
    return errorCode(error) === 'ENOENT';
  }
}

/** Moves `file` to `file.1`, `file.1` to `file.2` and so on; what would be past `keep` goes. */
export async function rotateFiles(file: string, keep: number): Promise<void> {
  if (keep === 0) return fs.rm(file, { force: true });
  for (let n = keep - 1; n >= 0; n -= 1) {
    try {
      await fs.rename(n === 0 ? file : `${file}.${n}`, `${file}.${n + 1}`);
    } catch (error) {
      // Not as many old files yet.
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
}
