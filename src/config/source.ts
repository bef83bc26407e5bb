/**
 * A configuration file: read, parsed, and able to say on which line a key stands.
 *
 * A file that is not there is an empty one. It never decides what a key means.
 */
import { readFile } from 'node:fs/promises';
import {
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  visit,
  type Document,
  type Node,
  type Scalar,
  type YAMLParseError,
} from 'yaml';
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
/** Of the parser: one early mistake may make many. */
const MAX_ERRORS = 10;
/** Each may stand for others: YAML's way to write a bomb. */
const MAX_ALIASES = 20;

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
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const [document, second] = 'empty' in parsed ? [] : parsed;
  if (document === undefined) return emptySource(file, []);
  const lineAt = (offset: number | undefined): number => lines.linePos(offset ?? 0).line;
  const problem = (offset: number | undefined, message: string, key = ''): Problem => ({
    file,
    line: lineAt(offset),
    key,
    message,
  });
  const problems = upToSyntax(document.errors).map(({ code, message, pos }) => {
    if (code !== 'DUPLICATE_KEY') return problem(pos[0], `not valid YAML: ${explainError(message)}`);
    const key = oneLine(/^[^\s:]{0,100}/.exec(text.slice(pos[0]))?.[0] ?? '');
    return problem(pos[0], 'this key stands here a second time; keep one', key);
  });
  // What follows a mistake in the syntax is read wrongly: more complaints would be about that one.
  if (document.errors.some(isSyntax)) return emptySource(file, problems);
  if (second !== undefined) problems.push(problem(second.range[0], 'expected one YAML document, got a second one'));
  problems.push(...unfitNodes(document, problem));
  if (problems.length > 0) return emptySource(file, problems);
  const data = document.toJS({ maxAliasCount: -1 }) as unknown;
  if (data !== null && !isSection(data)) {
    return emptySource(file, [problem(0, 'expected keys with values, such as `hostname: mx.example.org`')]);
  }
  const locate = (path: Path): { line: number; depth: number } | undefined => {
    if (!prefix.every((key, index) => path[index] === key)) return undefined;
    const found = descend(document.contents, path.slice(prefix.length));
    return found && { line: lineAt(found.node.range?.[0]), depth: found.depth + prefix.length };
  };
  return { file, data: data === null ? {} : prefix.reduceRight<unknown>(wrap, data), locate, problems: [] };
}

/** In the order of the file, and none behind the first that is one of syntax. */
function upToSyntax(errors: readonly YAMLParseError[]): readonly YAMLParseError[] {
  const sorted = errors.toSorted((a, b) => a.pos[0] - b.pos[0]);
  const first = sorted.findIndex(isSyntax);
  return sorted.slice(0, Math.min(MAX_ERRORS, first === -1 ? MAX_ERRORS : first + 1));
}

function isSyntax({ code }: YAMLParseError): boolean {
  return code !== 'DUPLICATE_KEY';
}

/** YAML's own words, but for the mistake that everybody makes once. */
function explainError(message: string): string {
  return message.startsWith('Alias cannot be') ? 'put "*" in quotes' : oneLine(message, 300);
}

function wrap(inner: unknown, key: string | number): unknown {
  return { [key]: inner };
}

/** What toJS() throws or warns on: aliases without their anchor, too many of them, keys that are lists or sections. */
function unfitNodes(document: Document, problem: (offset: number | undefined, message: string) => Problem): Problem[] {
  const problems: Problem[] = [];
  let count = 0;
  visit(document, {
    Pair(_, { key }) {
      if (!isScalar(key)) problems.push(problem(isNode(key) ? key.range?.[0] : 0, 'expected a key that is a word'));
    },
    Alias(_, node) {
      count += 1;
      if (count === MAX_ALIASES) problems.push(problem(node.range?.[0], `has more than ${MAX_ALIASES} YAML aliases`));
      if (node.resolve(document) !== undefined) return;
      problems.push(problem(node.range?.[0], `not valid YAML: there is no anchor &${oneLine(node.source, 100)} above`));
    },
  });
  return problems;
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
    for (const pair of node.items) {
      if (isScalar(pair.key) && keyName(pair.key) === String(key)) return { place: pair.key, value: pair.value };
    }
    return undefined;
  }
  const item = isSeq(node) ? node.items[Number(key)] : undefined;
  return isNode(item) ? { place: item, value: item } : undefined;
}

/** A key as toJS() names it. */
function keyName({ value }: Scalar): string {
  if (value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function emptySource(file: string, problems: readonly Problem[]): Source {
  return { file, data: {}, locate: () => undefined, problems };
}
