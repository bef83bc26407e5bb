/** What the architecture test knows of one source file: its imports, its functions, and what it must not hold. */
import { maskSource, type Masked } from './mask.ts';

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** Leaves no trace at run time. */
  readonly typeOnly: boolean;
  /** The words between `import` and `from`. */
  readonly names: string;
}

export interface Scanned {
  readonly lines: number;
  readonly imports: readonly Import[];
  /** Lengths in lines, by line number of the head. */
  readonly functions: readonly { readonly line: number; readonly length: number }[];
  readonly code: string;
}

const CONTROL = new Set(['if', 'for', 'while', 'switch', 'catch', 'return', 'with', 'await', 'new', 'typeof', 'super']);

export function scanSource(source: string): Scanned {
  const masked = maskSource(source);
  return {
    lines: source.split('\n').length - (source.endsWith('\n') ? 1 : 0),
    imports: listImports(masked),
    functions: listFunctions(masked.code),
    code: masked.code,
  };
}

/** Static imports, re-exports, and dynamic imports of a plain string. */
function listImports({ code, strings }: Masked): Import[] {
  const imports: Import[] = [];
  const pattern = /\b(import|export)\b([^;'"`]*?)(?:\bfrom\s*)?(['"])/g;
  for (const match of code.matchAll(pattern)) {
    const [text, word, names = ''] = match;
    const isCall = /^\s*\(\s*$/.test(names);
    const isList = /^\s*(?:type\s+)?(?:[\w$*{][^()=]*)?$/.test(names) && /\bfrom\s*['"]$/.test(text);
    const isBare = word === 'import' && names.trim() === '';
    const specifier = strings.get(match.index + text.length - 1);
    if (specifier === undefined || !(isCall || isList || isBare)) continue;
    imports.push({ specifier, line: lineOf(code, match.index), typeOnly: isTypeOnly(names), names: names.trim() });
  }
  return imports;
}

function isTypeOnly(names: string): boolean {
  if (/^\s*type\s+[^,]/.test(names) && !/^\s*type\s*,/.test(names)) return true;
  const list = /^\s*\{(.*)\}\s*(?:from\s*)?$/s.exec(names)?.[1];
  if (list === undefined) return false;
  const items = list.split(',').filter((item) => item.trim() !== '');
  return items.length > 0 && items.every((item) => item.trim().startsWith('type '));
}

/** Functions, methods and arrow functions with a body in braces. */
function listFunctions(code: string): { line: number; length: number }[] {
  const found = new Map<number, number>();
  const add = (from: number, open: number): void => {
    const close = matching(code, open);
    if (close > open) found.set(open, lineOf(code, from));
  };
  for (const match of code.matchAll(/=>\s*\{/g)) add(match.index, match.index + match[0].length - 1);
  for (const match of code.matchAll(/(?<![\w$.])(?:function\b\s*\*?\s*)?([#\w$]*)\s*(?:<[^(){}]*>)?\(/g)) {
    const isFunction = match[0].startsWith('function');
    if (!isFunction && (match[1] === '' || CONTROL.has(match[1] ?? ''))) continue;
    const end = matching(code, match.index + match[0].length - 1);
    const open = end < 0 ? undefined : bodyAfter(code, end + 1);
    if (open !== undefined) add(match.index, open);
  }
  return [...found].map(([open, line]) => ({ line, length: lineOf(code, matching(code, open)) - line + 1 }));
}

/** Position of the brace of a body after a parameter list, past a return type; undefined when there is none. */
function bodyAfter(code: string, from: number): number | undefined {
  let at = skipBlanks(code, from);
  if (code[at] === '{') return at;
  if (code[at] !== ':') return undefined;
  // A brace begins a type where one is expected, as after a colon or a bar, else the body.
  let expectsType = true;
  for (at = skipBlanks(code, at + 1); at < code.length; at = skipBlanks(code, at + 1)) {
    const char = code[at] ?? '';
    if (char === '{' && !expectsType) return at;
    if (';=,)}'.includes(char) && code[at + 1] !== '>') return undefined;
    if ('{[('.includes(char)) at = matching(code, at);
    if (char === '<') at = matchingAngle(code, at);
    if (at < 0) return undefined;
    const word = /\b(?:keyof|readonly|is|asserts|typeof)$/.test(code.slice(Math.max(0, at - 9), at + 1));
    expectsType = '|&'.includes(char) || word || code.slice(at - 1, at + 1) === '=>';
  }
  return undefined;
}

/** As matching(), for the angle brackets of type arguments. */
function matchingAngle(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at += 1) {
    if (code[at] === '<') depth += 1;
    if (code[at] === '>' && code[at - 1] !== '=') depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}

function skipBlanks(code: string, from: number): number {
  let at = from;
  while (/\s/.test(code[at] ?? '')) at += 1;
  return at;
}

/** Position of the bracket that closes the one here; -1 when it stays open. */
function matching(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at += 1) {
    const char = code[at] ?? '';
    if ('([{'.includes(char)) depth += 1;
    if (')]}'.includes(char)) depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}

function lineOf(code: string, position: number): number {
  let line = 1;
  for (let at = code.indexOf('\n'); at >= 0 && at < position; at = code.indexOf('\n', at + 1)) line += 1;
  return line;
}
