/**
 * Puts one message into one Maildir, exactly once.
 *
 * Steps: write tmp/NAME, sync it, link it to new/NAME, sync new/; when the outcome is durable, unlink tmp/NAME. A crash on the
 * way leaves tmp/NAME behind, and its link count tells the next one to try how far it came: two links mean the message is
 * in new/ or, moved there by a reader, in cur/. The instant of delivery is the link.
 */
import { constants } from 'node:fs';
import { link, lstat, open, rename, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { errorCode } from '../../../base/text.ts';
import type { StoredMessage } from '../../../queue/store.ts';
import { toUnixLines, topFields, UnixLines } from './content.ts';
import type { DirectorySyncs } from './directories.ts';

export interface Placement {
  readonly maildir: string;
  readonly name: string;
  readonly message: StoredMessage;
  readonly recipient: string;
  readonly syncs: DirectorySyncs;
}

/** Resolves when the message is durably in new/; rejects with the disk's error, with nothing left behind. */
export async function placeMessage(placement: Placement): Promise<void> {
  const { maildir, name, syncs } = placement;
  const tmp = join(maildir, 'tmp', name);
  if (!(await isLinked(tmp))) {
    await discard(tmp);
    try {
      await writeFile(tmp, placement);
      await publish(tmp, join(maildir, 'new', name));
    } catch (error) {
      await discard(tmp);
      throw error;
    }
  }
  await syncs.sync(join(maildir, 'new'));
}

/** Removes the mark of a delivery whose outcome is durable. What cannot be removed is left to the readers, who clear tmp/. */
export async function forgetPlacement(maildir: string, name: string): Promise<void> {
  await discard(join(maildir, 'tmp', name)).catch(() => {});
}

async function isLinked(tmp: string): Promise<boolean> {
  try {
    return (await lstat(tmp)).nlink > 1;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function writeFile(tmp: string, placement: Placement): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(tmp, flags, 0o600);
  try {
    await writeMessage(file, placement);
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function writeMessage(file: FileHandle, { message, recipient }: Placement): Promise<void> {
  const top = topFields(message.envelope.sender, recipient);
  if (message.bytes !== undefined) {
    await file.writeFile(Buffer.concat([top, toUnixLines(message.bytes)]));
    return;
  }
  await file.writeFile(top);
  await pipeline(message.stream(), new UnixLines(), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) await file.writeFile(chunk);
  });
}

async function publish(tmp: string, target: string): Promise<void> {
  try {
    await link(tmp, target);
  } catch (error) {
    const code = errorCode(error);
    // Delivered before, and the mark in tmp/ is lost: the same name is the same message.
    if (code === 'EEXIST') return;
    // File systems without hard links.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EMLINK' && code !== 'ENOSYS') throw error;
    await rename(tmp, target);
  }
}

async function discard(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
