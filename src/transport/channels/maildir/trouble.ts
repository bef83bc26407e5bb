/** What an error of the disk means: whom it concerns, and what log and sender are told. */
import { statfs } from 'node:fs/promises';
import { errorCode, errorText } from '../../../base/text.ts';
import type { Reply } from '../../../mail/outcome.ts';
import { reply } from '../../replies.ts';
import { NotADirectory } from './directories.ts';

export interface DiskTrouble {
  readonly answer: Reply;
  /** It is the disk's and not one mailbox's: all mailboxes share a bin, and one must not hold up the others. */
  readonly concernsAll: boolean;
}

/** For a message of so many bytes that could not be put below `root`. */
export async function judgeDisk(error: unknown, root: string, bytes: number): Promise<DiskTrouble> {
  const code = errorCode(error);
  // The quota of an XFS project, of one mailbox perhaps, says what a full disk says.
  if (code === 'ENOSPC' && (await hasRoom(root, bytes))) return { answer: OVER_QUOTA, concernsAll: false };
  return { answer: diskReply(error), concernsAll: ['ENOSPC', 'EFBIG', 'EROFS', 'EIO'].includes(code ?? '') };
}

/** What was written of the message is removed by now: so it is asked whether all of it would fit, not whether there is any room. */
async function hasRoom(root: string, bytes: number): Promise<boolean> {
  try {
    const { bavail, bsize, ffree, files } = await statfs(root);
    // Some file systems count no inodes: they report 0 in all.
    return bavail * bsize > bytes && (files === 0 || ffree > 0);
  } catch {
    return false;
  }
}

const OVER_QUOTA = reply({ code: 452, status: '4.2.2', text: 'mailbox is over its quota' });

/** Every trouble with a disk is temporary: an operator can end it. Exact words go to log and sender alike, without paths. */
function diskReply(error: unknown): Reply {
  const code = errorCode(error);
  if (code === 'EDQUOT') return OVER_QUOTA;
  if (code === 'ENOSPC' || code === 'EFBIG')
    return reply({ code: 452, status: '4.3.1', text: 'no space left for the mailbox' });
  if (error instanceof NotADirectory || code === 'ELOOP' || code === 'ENOTDIR') {
    return reply({
      code: 451,
      status: '4.3.5',
      text: 'mailbox is not a Maildir: a part of its path is a link or a file',
    });
  }
  return reply({ code: 451, status: '4.3.0', text: `cannot write to the mailbox: ${code ?? errorText(error)}` });
}
