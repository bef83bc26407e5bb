/** Turns a mistake, known by its key, into a problem with the file and line, or the option, where the key was set. */
import type { Path } from './merge.ts';
import type { Problem } from './problem.ts';
import type { Finding } from './schema.ts';
import type { SetOption } from './set-option.ts';
import type { Source } from './source.ts';

/** In the order of the files and their lines; options last, as they were given. */
export function placeFindings(
  findings: readonly Finding[],
  sources: readonly Source[],
  options: readonly SetOption[],
): Problem[] {
  const order = (problem: Problem): number => {
    const source = sources.findIndex(({ file }) => file === problem.file);
    return source === -1 ? Number.MAX_SAFE_INTEGER : source * 1e9 + (problem.line ?? 0);
  };
  return findings.map((finding) => place(finding, sources, options)).toSorted((a, b) => order(a) - order(b));
}

function place({ paths, message }: Finding, sources: readonly Source[], options: readonly SetOption[]): Problem {
  const key = paths[0].join('.');
  for (const path of paths) {
    const option = options.findLast((candidate) => concerns(candidate.path, path));
    if (option !== undefined) return { option: option.name, key, message };
    const found = deepest(path, sources);
    if (found?.depth === path.length) return { file: found.file, line: found.line, key, message };
  }
  const found = deepest(paths[0], sources);
  return found === undefined ? { key, message } : { file: found.file, line: found.line, key, message };
}

/** One is the beginning of the other. */
function concerns(option: Path, path: Path): boolean {
  const length = Math.min(option.length, path.length);
  return option.slice(0, length).every((key, index) => String(key) === String(path[index]));
}

/** Where the most of the path is written down. */
function deepest(path: Path, sources: readonly Source[]): { file: string; line: number; depth: number } | undefined {
  return sources
    .map((source) => ({ file: source.file, ...source.locate(path) }))
    .filter((found) => found.line !== undefined && found.depth !== undefined)
    .map(({ file, line = 0, depth = 0 }) => ({ file, line, depth }))
    .toSorted((a, b) => b.depth - a.depth)[0];
}
