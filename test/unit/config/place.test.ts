import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeFindings } from '../../../src/config/place.ts';
import type { Source } from '../../../src/config/source.ts';

/** A file in which these keys stand, each on the line of its number. */
function makeSource(file: string, lines: Readonly<Record<string, number>>): Source {
  const locate: Source['locate'] = (path) => {
    for (let depth = path.length; depth > 0; depth -= 1) {
      const line = lines[path.slice(0, depth).join('.')];
      if (line !== undefined) return { line, depth };
    }
    return undefined;
  };
  return { file, data: {}, locate, problems: [] };
}

const MAIN = makeSource('main', { a: 9, 'a.b': 10, c: 2 });
const FARMS = makeSource('farms', { d: 1 });
const option = (name: string): { name: string; path: string[]; value: unknown } => ({
  name,
  path: name.split('.'),
  value: 0,
});

function place(paths: readonly [readonly string[], ...(readonly string[])[]], ...options: string[]): unknown[] {
  const [problem] = placeFindings([{ paths, message: 'm' }], [MAIN, FARMS], options.map(option));
  return [problem?.option ?? problem?.file, problem?.line, problem?.key];
}

test('a mistake is where its key was set', () => {
  assert.deepEqual(place([['a', 'b']]), ['main', 10, 'a.b']);
  assert.deepEqual(place([['d', 'x']]), ['farms', 1, 'd.x']);
  assert.deepEqual(place([['nowhere']]), [undefined, undefined, 'nowhere']);
});

test('options win over files, later options over earlier ones', () => {
  assert.deepEqual(place([['a', 'b']], 'a.b'), ['a.b', undefined, 'a.b']);
  assert.deepEqual(place([['a', 'b', '0']], 'a', 'a.b'), ['a.b', undefined, 'a.b.0']);
  assert.deepEqual(place([['a', 'b']], 'a.c'), ['main', 10, 'a.b']);
});

test('of several keys, the first that somebody set is named', () => {
  assert.deepEqual(place([['a', 'z'], ['c']]), ['main', 2, 'a.z']);
  assert.deepEqual(place([['z'], ['y']], 'y'), ['y', undefined, 'z']);
});

test('reports go by file and line, options come last', () => {
  const paths = [['o'], ['d'], ['a', 'b'], ['c']].map((path) => ({ paths: [path] as const, message: 'm' }));
  assert.deepEqual(
    placeFindings(paths, [MAIN, FARMS], [option('o')]).map(({ key }) => key),
    ['c', 'a.b', 'd', 'o'],
  );
});
