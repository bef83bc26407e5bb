/** One `--set a.b.c=value` option: parsed here, laid over the files by load.ts. */
import { parseDocument } from 'yaml';
import { oneLine } from '../base/text.ts';
import type { Path } from './merge.ts';
import type { Problem } from './problem.ts';

export interface SetOption {
  /** As written before the `=`. */
  readonly name: string;
  readonly path: Path;
  readonly value: unknown;
}

/** The values are YAML: `4`, `[a, b]`, `{least: 1}`, `"[::1]:25"`. List items are named by number: `listen.0.address`. */
export function parseSetOptions(texts: readonly string[]): { options: SetOption[]; wrong: Problem[] } {
  const options: SetOption[] = [];
  const wrong: Problem[] = [];
  for (const text of texts) parseOne(text, options, wrong);
  return { options, wrong };
}

function parseOne(text: string, options: SetOption[], wrong: Problem[]): void {
  const equals = text.indexOf('=');
  const name = oneLine(text.slice(0, Math.max(0, equals)));
  if (!/^[^\s.]+(?:\.[^\s.]+)*$/.test(name)) {
    wrong.push({ option: oneLine(text, 100), key: '', message: 'expected key=value, such as limits.recipients=500' });
    return;
  }
  const given = text.slice(equals + 1).trim();
  // In YAML a star begins an alias; here it can only mean itself.
  const document = parseDocument(given === '*' ? '"*"' : given, { prettyErrors: false });
  const error = document.errors[0];
  if (error === undefined) {
    options.push({ name, path: name.split('.'), value: plainValue(document) });
    return;
  }
  const message = `expected a value in YAML, but ${oneLine(error.message, 200)}; put text with brackets in quotes`;
  wrong.push({ option: name, key: name, message });
}

function plainValue(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 10 }) as unknown;
  } catch {
    // Only aliases without an anchor, or too many of them, come here; nothing fits such a value.
    return undefined;
  }
}
