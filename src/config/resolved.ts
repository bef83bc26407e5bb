/**
 * The resolved configuration as a file: the supervisor writes it, every worker reads it.
 *
 * Only JSON: a worker that reads it loads neither the YAML parser nor the schemas. The file is replaced as a whole, so a
 * reader sees the old one or the new one. It needs no sync: the supervisor writes it anew at each start.
 */
import { chownSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Config } from './config.ts';

/** Reads what writeResolved() wrote. Throws when there is no such file: a worker cannot go on without. */
export function readResolved(path: string): Config {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own supervisor checked it and wrote it
  return JSON.parse(readFileSync(path, 'utf8')) as Config;
}

/** Who has to be able to read it, when that is not the caller. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Replaces the file, readable for its owner alone (it tells where keys are). */
export function writeResolved(path: string, config: Config, owner?: Owner): void {
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, `${JSON.stringify(config, undefined, 1)}\n`, { mode: 0o600, flag: 'wx' });
  if (owner !== undefined) chownSync(temporary, owner.uid, owner.gid);
  renameSync(temporary, path);
}
