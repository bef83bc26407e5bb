/**
 * The directories of Maildirs: made when missing, refused when they are not what they seem, synced together.
 *
 * A component that is a symbolic link is refused: whoever may write into a Maildir must not lead our writes elsewhere. Node
 * has no openat(), so a link put there between check and use is not seen; Maildirs stand in a directory of mode 0700.
 */
import { lstat, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../../../base/text.ts';
import type { Mailbox } from './names.ts';

/** A component of the path is a link or no directory. */
export class NotADirectory extends Error {
  override readonly name = 'NotADirectory';
}

/** Syncs of a directory: one at a time, and whoever asks while one runs shares the next. */
export class DirectorySyncs {
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  /** Resolves when every name that is in the directory now is durable. */
  sync(path: string): Promise<void> {
    const running = this.#running.get(path);
    if (running === undefined) return this.#start(path);
    const next = this.#next.get(path) ?? this.#after(path, running);
    this.#next.set(path, next);
    return next;
  }

  #start(path: string): Promise<void> {
    const run = syncDirectory(path).finally(() => this.#running.delete(path));
    this.#running.set(path, run);
    return run;
  }

  async #after(path: string, running: Promise<void>): Promise<void> {
    // Its failure is reported to those who wait for it.
    await running.catch(() => {});
    this.#next.delete(path);
    await this.#start(path);
  }
}

/** Makes the Maildir and what leads to it, durably; checks what is there. Returns its path. */
export async function ensureMaildir(root: string, { domain, user }: Mailbox, syncs: DirectorySyncs): Promise<string> {
  const maildir = join(root, domain, user);
  if (await isComplete(root, domain, user)) return maildir;
  await mkdir(root, { recursive: true, mode: 0o700 });
  await syncs.sync(dirname(root));
  await ensureDirectory(root, domain, syncs);
  await ensureDirectory(join(root, domain), user, syncs);
  for (const part of ['tmp', 'new', 'cur']) {
    await ensureDirectory(maildir, part, syncs);
  }
  return maildir;
}

async function isComplete(root: string, domain: string, user: string): Promise<boolean> {
  const parts = [domain, `${domain}/${user}`, ...['tmp', 'new', 'cur'].map((part) => `${domain}/${user}/${part}`)];
  const found = await Promise.all(parts.map((part) => isDirectory(join(root, part))));
  return found.every(Boolean);
}

/** True for a directory, false for nothing; rejects for anything else. */
async function isDirectory(path: string): Promise<boolean> {
  try {
    const stat = await lstat(path);
    if (stat.isDirectory()) return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
  throw new NotADirectory(`${path} is not a directory`);
}

async function ensureDirectory(parent: string, name: string, syncs: DirectorySyncs): Promise<void> {
  const path = join(parent, name);
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    await isDirectory(path);
  }
  // Also when it was there: whoever made it may have been killed before the sync.
  await syncs.sync(parent);
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
