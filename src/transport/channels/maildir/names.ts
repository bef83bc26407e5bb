/**
 * Names in Maildirs: which mailbox a `next` means, and what a message's file is called.
 *
 * A file's name follows from the message and the recipient alone: a delivery that is done again after a crash finds its
 * own file and does not make a second one. Time, then what makes it unique, then the host, by the book
 * (https://cr.yp.to/proto/maildir.html); none of them can hold a slash or a colon.
 */
import { createHash } from 'node:crypto';
import type { StoredMessage } from '../../../queue/store.ts';

const MAX_PART = 200;
// oxlint-disable-next-line no-control-regex -- what no path of ours may have
const UNSAFE = /[/\\\u0000-\u001f\u007f]/;

export interface Mailbox {
  readonly domain: string;
  readonly user: string;
}

/** Reads `example.org/user`; undefined unless both are safe as the name of one directory. */
export function parseMailbox(next: string): Mailbox | undefined {
  const slash = next.indexOf('/');
  if (slash === -1) return undefined;
  const domain = next.slice(0, slash);
  const user = next.slice(slash + 1);
  return isSafe(domain) && isSafe(user) ? { domain, user } : undefined;
}

/** As `1700000000.M<queue id>R<recipient's digest>.host`. */
export function fileName(message: Pick<StoredMessage, 'id' | 'envelope'>, recipient: string, hostname: string): string {
  const digest = createHash('sha256').update(recipient).digest('hex').slice(0, 12);
  const host = hostname.replaceAll('/', '\\057').replaceAll(':', '\\072');
  return `${Math.floor(message.envelope.received / 1000)}.M${message.id}R${digest}.${host}`;
}

/** One directory's name, never hidden: `.` begins Maildir++ folders, and `..` leads elsewhere. */
function isSafe(part: string): boolean {
  return part !== '' && !part.startsWith('.') && Buffer.byteLength(part) <= MAX_PART && !UNSAFE.test(part);
}
