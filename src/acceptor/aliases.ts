/**
 * The names that the alias file defines, from the copy that the supervisor puts into run/: only to know who exists.
 * What they stand for is the router's business.
 */
import { readFileSync } from 'node:fs';
import { errorText } from '../base/text.ts';
import { parseAliases } from '../mail/aliases.ts';
import type { HasAlias } from './recipient-policy.ts';

/** Relative to var, the working directory of every worker. */
const ALIAS_FILE = 'run/aliases';

/**
 * Problems in the file are the router's to report. Throws when it cannot be read (without aliases it is there, and empty): an
 * acceptor that knows no aliases would refuse mail for lists.
 */
export function readAliasNames(path = ALIAS_FILE): HasAlias {
  const { table } = parseAliases(read(path), 'aliases');
  return (name) => table.has(name);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`no aliases to know recipients by: ${errorText(error)}; mailfarm reload writes it`, {
      cause: error,
    });
  }
}
