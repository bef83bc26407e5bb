/**
 * The resolved configuration as a file: the supervisor writes it, every worker reads it.
 *
 * Only JSON: a worker that reads it loads neither the YAML parser nor the schemas. The file is replaced as a whole, so a
 * reader sees the old one or the new one. It needs no sync: the supervisor writes it anew at each start.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Config } from './config.ts';

/** Reads what writeResolved() wrote. Throws when there is no such file: a worker cannot go on without. */
export function readResolved(path: string): Config {
  return JSON.parse(readFileSync(path, 'utf8')) as Config;
}

/** Replaces the file, readable for its owner alone (it tells where keys are). */
export function writeResolved(path: string, config: Config): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, `${JSON.stringify(config, undefined, 1)}\n`, { mode: 0o600 });
  renameSync(temporary, path);
}
