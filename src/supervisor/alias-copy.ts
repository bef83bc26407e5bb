/**
 * The alias file on its way from etc/ to run/aliases, where acceptors and routers read it: they may not be allowed into
 * etc/, and all workers of one generation must read the same text.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { errorCode, errorText } from '../base/text.ts';
import type { Config } from '../config/config.ts';
import { formatAliasProblem, parseAliases } from '../mail/aliases.ts';
import { replaceFile } from '../process/replace-file.ts';

/** Relative to var. */
const ALIAS_COPY = 'run/aliases';

export interface AliasFile {
  readonly text: string;
  /** One line each, as `/etc/mailfarm/aliases:12: sales: what is wrong`; the lines are left out by whoever reads it. */
  readonly problems: readonly string[];
}

/** Reads the file that the configuration names; no file is no alias. Never throws. */
export function readAliases(config: Pick<Config, 'aliases' | 'paths'>): AliasFile {
  if (config.aliases === undefined) return { text: '', problems: [] };
  const file = path.resolve(config.paths.etc, config.aliases);
  try {
    const text = readFileSync(file, 'utf8');
    return { text, problems: parseAliases(text, file).problems.map(formatAliasProblem) };
  } catch (error) {
    const missing = errorCode(error) === 'ENOENT' && config.aliases === 'aliases';
    return { text: '', problems: missing ? [] : [`${file}: ${errorText(error)}`] };
  }
}

/** Hands the text to the workers. Throws what the disk throws. */
export function writeAliases(aliases: AliasFile, owner?: { readonly uid: number; readonly gid: number }): void {
  replaceFile(ALIAS_COPY, aliases.text, owner);
}
