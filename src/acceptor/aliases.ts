/**
 * The names that the alias file defines, from the copy that the supervisor puts into run/: only to know who exists.
 * What they stand for is the router's business.
 */
import { readFileSync } from 'node:fs';
import { errorCode, errorText } from '../base/text.ts';
import type { Logger } from '../log/logger.ts';
import { parseAliases } from '../mail/aliases.ts';
import type { HasAlias } from './recipient-policy.ts';

/** Relative to var, the working directory of every worker. */
const ALIAS_FILE = 'run/aliases';

/** No file: no aliases. Problems in the file are the router's to report. */
export function readAliasNames(log: Logger, path = ALIAS_FILE): HasAlias {
  try {
    const { table } = parseAliases(readFileSync(path, 'utf8'), 'aliases');
    return (name) => table.has(name);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') log.error('bad-alias', { problem: errorText(error) });
    return () => false;
  }
}
