/**
 * The alias file as routers read it: the copy that the supervisor put into run/ when it started or reloaded.
 *
 * So all routers of one generation read the same text, whatever an editor does to the file in etc/ meanwhile. Without
 * aliases the copy is empty: one that is missing is trouble like any other. It never throws: trouble is a value.
 */
import { readFileSync } from 'node:fs';
import { errorText } from '../base/text.ts';
import { formatAliasProblem, parseAliases, type AliasTable } from '../mail/aliases.ts';

/** Relative to var, the working directory of every worker. */
const ALIAS_FILE = 'run/aliases';

export interface LoadedAliases {
  /** Absent when the file could not be read at all. */
  readonly table?: AliasTable;
  /** One line each, as `aliases:12: sales: what is wrong`. */
  readonly problems: readonly string[];
}

/** Reads and parses the file; `name` is how problems call it. */
export function loadAliases(path = ALIAS_FILE, name = 'aliases'): LoadedAliases {
  try {
    const { table, problems } = parseAliases(readFileSync(path, 'utf8'), name);
    return { table, problems: problems.map(formatAliasProblem) };
  } catch (error) {
    return { problems: [`${name}: ${errorText(error)}`] };
  }
}
