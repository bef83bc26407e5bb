/**
 * A configuration file: read, parsed, and able to say on which line a key stands.
 *
 * A file that is not there is an empty one. It never decides what a key means.
 */
import { readFile } from 'node:fs/promises';
import { isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document, type Node } from 'yaml';
import { errorCode, errorText, oneLine } from '../base/text.ts';
import { isSection, type Path } from './merge.ts';
import type { Problem } from './problem.ts';

export interface Source {
  readonly file: string;
  /** What the file holds, laid under `prefix`. */
  readonly data: unknown;
  /** Lines of the deepest key on the path that the file has, and how many steps of the path it took. */
  locate(path: Path): { readonly line: number; readonly depth: number } | undefined;
  readonly problems: readonly Problem[];
}

const MAX_FILE = 1024 * 1024;

/** Reads a file whose keys belong below `prefix` (`farms` for farms.yaml). Never rejects: what is wrong is in `problems`. */
export async function readSource(file: string, prefix: Path): Promise<Source> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return emptySource(file, []);
    return emptySource(file, [{ file, key: '', message: `cannot be read: ${errorText(error)}` }]);
  }
  if (text.length > MAX_FILE) return emptySource(file, [{ file, key: '', message: 'is larger than 1 MiB' }]);
  return parseSource(file, text, prefix);
}

function parseSource(file: string, text: string, prefix: Path): Source {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const document = 'empty' in documents ? undefined : documents[0];
  if (document === undefined) return emptySource(file, []);
  const lineOf = (node: { readonly range?: readonly number[] | null | undefined }): number =>
    lines.linePos(node.range?.[0] ?? 0).line;
  const problems: Problem[] = document.errors.map((error) => {
    const place = lines.linePos(error.pos[0]);
    return { file, line: place.line, key: '', message: `not valid YAML: ${oneLine(error.message, 300)}` };
  });
  const second = 'empty' in documents ? undefined : documents[1];
  if (second !== undefined) {
    problems.push({ file, line: lineOf(second), key: '', message: 'expected one YAML document, got a second one' });
  }
  const data = problems.length > 0 ? undefined : plainData(document, file, problems);
  if (problems.length > 0) return emptySource(file, problems);
  const locate = (path: Path): { line: number; depth: number } | undefined => {
    if (!prefix.every((key, index) => path[index] === key)) return undefined;
    const found = descend(document.contents, path.slice(prefix.length));
    return found && { line: lineOf(found.node), depth: found.depth + prefix.length };
  };
  return { file, data: data === null ? {} : prefix.reduceRight<unknown>(wrap, data), locate, problems };
}

function wrap(inner: unknown, key: string | number): unknown {
  return { [key]: inner };
}

function plainData(document: Document, file: string, problems: Problem[]): unknown {
  let data: unknown;
  try {
    data = document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (error) {
    problems.push({ file, key: '', message: `not valid YAML: ${errorText(error)}` });
    return undefined;
  }
  if (data !== null && !isSection(data)) {
    problems.push({ file, line: 1, key: '', message: 'expected keys with values, such as `hostname: mx.example.org`' });
  }
  return data;
}

/** Follows the path through maps and lists as far as it goes. */
function descend(root: Node | null, path: Path): { readonly node: Node; readonly depth: number } | undefined {
  let place: Node | undefined;
  let node: unknown = root;
  let depth = 0;
  for (const key of path) {
    const step = childOf(node, key);
    if (step === undefined) break;
    place = step.place;
    node = step.value;
    depth += 1;
  }
  return place === undefined ? undefined : { node: place, depth };
}

function childOf(node: unknown, key: string | number): { place: Node; value: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
    return pair === undefined ? undefined : { place: pair.key as Node, value: pair.value };
  }
  if (!isSeq(node)) return undefined;
  const item = node.items[Number(key)];
  return item === undefined ? undefined : { place: item as Node, value: item };
}

function emptySource(file: string, problems: readonly Problem[]): Source {
  return { file, data: {}, locate: () => undefined, problems };
}
