/** The disk of a farm, in the hands of a test: see failing-disk.mjs. Give `env` to startFarm(), then say what fails. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTemp } from '../temp.ts';

export interface DiskRule {
  readonly op: string;
  /** Part of the path. */
  readonly path: string;
  readonly code: string;
  /** It is done, and fails all the same. */
  readonly done?: boolean;
}

export interface TestDisk {
  readonly env: Readonly<Record<string, string>>;
  /** These fail from now on, and nothing else. */
  fail(...rules: readonly DiskRule[]): void;
}

export function makeTestDisk(): TestDisk {
  const file = join(makeTemp('disk'), 'rules');
  const fail = (...rules: readonly DiskRule[]): void => {
    writeFileSync(`${file}.new`, JSON.stringify(rules), { mode: 0o644 });
    renameSync(`${file}.new`, file);
  };
  fail();
  return {
    env: { MAILFARM_TEST_DISK: file, NODE_OPTIONS: `--import=${new URL('failing-disk.mjs', import.meta.url).href}` },
    fail,
  };
}
