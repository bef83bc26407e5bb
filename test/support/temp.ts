/** Folders of their own for tests, removed when the process ends, whatever happened. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made = new Set<string>();
process.on('exit', () => {
  for (const dir of made) removeTemp(dir);
});

/** A new folder; others may pass through it (a farm started as root runs its workers as somebody else). */
export function makeTemp(name = 'test'): string {
  const dir = mkdtempSync(join(tmpdir(), `mailfarm-${name}-`));
  chmodSync(dir, 0o711);
  made.add(dir);
  return dir;
}

/** Removes it now. MAILFARM_KEEP=1 keeps all, to look at after a failure. */
export function removeTemp(dir: string): void {
  made.delete(dir);
  if (process.env['MAILFARM_KEEP'] === '1') return;
  rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}
