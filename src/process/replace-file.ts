/**
 * Replaces a small file under var/run in one step, as the one whose directory that is: `owner`, where we are root. Not synced:
 * these files speak of processes, which do not outlive the machine.
 */
import { closeSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { asOwner, type Owner } from './as-owner.ts';

/** Throws what the disk throws; the old file is whole then. */
export function replaceFile(file: string, text: string, owner?: Owner): void {
  asOwner(owner, () => {
    const temporary = `${file}.new`;
    rmSync(temporary, { force: true });
    const fd = openSync(temporary, 'wx', 0o600);
    try {
      writeFileSync(fd, text);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  });
}
