/**
 * The alias file on its way from etc/ to run/aliases, where acceptors and routers read it: they may not be allowed into
 * etc/, and all workers of one generation must read the same text.
 */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { errorText } from '../base/text.ts';
import type { Config } from '../config/config.ts';
import { formatAliasProblem, parseAliases } from '../mail/aliases.ts';
import { replaceFile } from '../process/replace-file.ts';

/** Relative to var. */
const ALIAS_COPY = 'run/aliases';

export interface AliasFile {
  /** Absent when the file could not be read. */
  readonly text?: string;
  /** One line each, as `/etc/mailfarm/aliases:12: sales: what is wrong`; the lines are left out by whoever reads it. */
  readonly problems: readonly string[];
}

/** A larger file is refused as a whole: each worker has to hold it in memory, with room to spare. */
const MAX_SIZE = 64 * 1024 * 1024;

/** Reads the file that the configuration names; without one there are no aliases. Never throws. */
export function readAliases(config: Pick<Config, 'aliases' | 'paths'>): AliasFile {
  if (config.aliases === undefined) return { text: '', problems: [] };
  const file = path.resolve(config.paths.etc, config.aliases);
  try {
    if (statSync(file).size > MAX_SIZE) return { problems: [`${file}: larger than ${MAX_SIZE} bytes`] };
    const text = readFileSync(file, 'utf8');
    return { text, problems: parseAliases(text, file).problems.map(formatAliasProblem) };
  } catch (error) {
    return { problems: [`${file}: ${errorText(error)}`] };
  }
}

/** Hands the text to the workers. Throws what the disk throws. */
export function writeAliases(text: string, owner?: { readonly uid: number; readonly gid: number }): void {
  replaceFile(ALIAS_COPY, text, owner);
}
