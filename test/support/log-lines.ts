/** The log as a test reads it: every line of every file of var/log, oldest file first. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly farm: string;
  readonly worker: string;
  readonly event: string;
  readonly id?: string;
  readonly [field: string]: unknown;
}

/**
 * A last line without its end is not there yet; any other line that is no JSON is a failure of the log, unless the log
 * process was killed: then the next one ends the line that was cut, and has it again.
 */
export function readLog(dir: string, options: { readonly cut?: boolean } = {}): LogLine[] {
  return listFiles(dir).flatMap((file) => {
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    return lines.filter((line) => line !== '').flatMap((line) => parse(line, file, options.cut === true));
  });
}

function listFiles(dir: string): string[] {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch {
    // Not made yet.
    return [];
  }
  // A file may be rotated away, or removed, while we look.
  const files = names.flatMap((name) => {
    const file = join(dir, name);
    const stat = statSync(file, { throwIfNoEntry: false });
    return stat?.isFile() === true ? [{ file, at: stat.mtimeMs }] : [];
  });
  return files.toSorted((a, b) => a.at - b.at).map(({ file }) => file);
}

function parse(line: string, file: string, cut: boolean): LogLine[] {
  try {
    return [JSON.parse(line) as LogLine];
  } catch (cause) {
    if (cut) return [];
    throw new Error(`${file}: torn line: ${line.slice(0, 200)}`, { cause });
  }
}
