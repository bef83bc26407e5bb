/**
 * Replaces a small file under var/run in one step. Never follows a link: root writes here, in a directory of the
 * unprivileged user. Not synced: these files speak of processes, which do not outlive the machine.
 */
import { closeSync, fchownSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** Throws what the disk throws; the old file is whole then. `owner` only for root. */
export function replaceFile(file: string, text: string, owner?: { readonly uid: number; readonly gid: number }): void {
  const temporary = `${file}.new`;
  rmSync(temporary, { force: true });
  const fd = openSync(temporary, 'wx', 0o600);
  try {
    if (owner !== undefined) fchownSync(fd, owner.uid, owner.gid);
    writeFileSync(fd, text);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, file);
}
