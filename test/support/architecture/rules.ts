/**
 * The rules of the source tree as data and as checks over a folder: which folder may import which, which folder owns
 * which package, what no file may hold, and how long things may be. Each check returns violations as text.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { scanSource, type Scanned } from './scan.ts';

/** One folder per process. None imports another. */
const ROLES = ['supervisor', 'acceptor', 'filter', 'router', 'scheduler', 'transport', 'injector', 'console', 'cli'];
/** Shared folders, upper layers first: imports go to lower layers, or within a layer as long as no circle forms. */
const LAYERS: readonly (readonly string[])[] = [
  ['process'],
  ['queue', 'ipc', 'db', 'client', 'dns'],
  ['config', 'log', 'mail'],
  ['base'],
];

const PACKAGE_OWNERS: Readonly<Record<string, readonly string[]>> = {
  'smtp-server': ['acceptor'],
  nodemailer: ['transport', 'bounce', 'client'],
  piscina: ['filter'],
  mailsplit: ['filter'],
  libmime: ['filter'],
  htmlparser2: ['filter'],
  'better-sqlite3': ['queue', 'db'],
  yargs: ['cli'],
  mailauth: ['filter', 'transport'],
  yaml: ['config'],
  zod: ['config'],
  pino: ['log'],
  fastify: ['console'],
  'prom-client': ['console'],
  tldts: ['mail'],
};

/** Beside main.ts, config and process: what all commands are wired in, and what hands the environment on to workers. */
const READS_ENVIRONMENT = new Set(['src/cli/common/context.ts', 'src/supervisor/fork.ts']);

/** Budget of STYLE: lines. */
export const BUDGET = {
  file: { median: 100, p90: 250, longest: 400 },
  function: { median: 12, p90: 35, longest: 70 },
} as const;

export interface SourceFile extends Scanned {
  /** Relative to the tree, as `src/router/main.ts`. */
  readonly path: string;
  /** First folder below src, as `router`. */
  readonly folder: string;
  readonly source: string;
}

export type Check = (files: readonly SourceFile[], root: string) => string[];

/** Every .ts file below a folder of the tree, scanned. */
export function readTree(root: string, folder = 'src'): SourceFile[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => {
      const source = readFileSync(join(root, folder, name), 'utf8');
      return { path: join(folder, name), folder: name.split('/')[0] ?? '', source, ...scanSource(source) };
    })
    .toSorted((a, b) => a.path.localeCompare(b.path));
}

/** Imports that go up, sideways between roles, out of src, or to what is not there. */
export const checkArrows: Check = (files, root) =>
  files.flatMap((file) =>
    file.imports.flatMap(({ specifier, line }) => {
      const why = specifier.startsWith('.') ? whyNotAllowed(file, specifier, root) : undefined;
      return why === undefined ? [] : [`${file.path}:${line}: ${specifier}: ${why}`];
    }),
  );

function whyNotAllowed(file: SourceFile, specifier: string, root: string): string | undefined {
  const target = resolve(root, dirname(file.path), specifier);
  const path = relative(join(root, 'src'), target);
  if (path.startsWith('..')) return 'leads out of src';
  if (!specifier.endsWith('.ts') || !existsSync(target)) return 'is no .ts file of this tree';
  if (basename(path) === 'main.ts') return 'a main.ts is imported by nobody';
  const to = path.split('/')[0] ?? '';
  if (to === file.folder) return undefined;
  if (ROLES.includes(to)) return `${file.folder} may not import the role ${to}`;
  const fromLayer = layerOf(file);
  if (fromLayer === undefined || layerIndex(to) === undefined) return `${file.folder} → ${to}: not a known folder`;
  return (layerIndex(to) ?? -1) < fromLayer ? `${file.folder} may not import ${to}: arrows point down` : undefined;
}

/** Layer of a file; -1 for roles, and for the main.ts of a shared folder, which is a process of its own. */
function layerOf(file: SourceFile): number | undefined {
  if (ROLES.includes(file.folder) || basename(file.path) === 'main.ts') return -1;
  return layerIndex(file.folder);
}

function layerIndex(folder: string): number | undefined {
  const index = LAYERS.findIndex((layer) => layer.includes(folder));
  return index < 0 ? undefined : index;
}

/** Folders that import one another in a circle. main.ts files stand outside. */
export const checkFolderCircles: Check = (files) => {
  const edges = new Map<string, Set<string>>();
  for (const file of files) {
    if (basename(file.path) === 'main.ts') continue;
    for (const to of localImports(file)) {
      const folder = to.split('/')[1] ?? '';
      if (folder !== file.folder) addEdge(edges, file.folder, folder);
    }
  }
  return findCircles(edges);
};

/** Files that import one another in a circle at run time. */
export const checkFileCircles: Check = (files) => {
  const edges = new Map<string, Set<string>>();
  for (const file of files) for (const to of localImports(file, true)) addEdge(edges, file.path, to);
  return findCircles(edges);
};

function localImports(file: SourceFile, runtimeOnly = false): string[] {
  return file.imports
    .filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !(runtimeOnly && typeOnly))
    .map(({ specifier }) => join(dirname(file.path), specifier));
}

function addEdge(edges: Map<string, Set<string>>, from: string, to: string): void {
  const list = edges.get(from);
  if (list === undefined) edges.set(from, new Set([to]));
  else list.add(to);
}

function findCircles(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const circles: string[] = [];
  const finished = new Set<string>();
  const visit = (node: string, path: readonly string[]): void => {
    if (path.includes(node)) {
      circles.push([...path.slice(path.indexOf(node)), node].join(' → '));
      return;
    }
    if (finished.has(node)) return;
    for (const next of edges.get(node) ?? []) visit(next, [...path, node]);
    finished.add(node);
  };
  for (const node of edges.keys()) visit(node, []);
  return circles;
}

/** Packages outside of the folders that own them. */
export const checkPackages: Check = (files) =>
  files.flatMap((file) =>
    file.imports.flatMap(({ specifier, line }) => {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) return [];
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
      const owners = Object.hasOwn(PACKAGE_OWNERS, name) ? PACKAGE_OWNERS[name] : undefined;
      if (owners === undefined) return [`${file.path}:${line}: ${name} belongs to no folder`];
      return owners.includes(file.folder) ? [] : [`${file.path}:${line}: ${name} belongs to ${owners.join(', ')}`];
    }),
  );

/** Command line and environment are read where things are wired, and nowhere else. */
export const checkEnvironment: Check = (files) =>
  files.flatMap((file) => {
    if (basename(file.path) === 'main.ts' || ['config', 'process'].includes(file.folder)) return [];
    if (READS_ENVIRONMENT.has(file.path)) return [];
    const viaImport = file.imports.filter(
      ({ specifier, names }) => /^(node:)?process$/.test(specifier) && /\b(argv|env)\b|^\w/.test(names),
    );
    return [
      ...find(file, /\bprocess\s*\.\s*(?:argv|env|execArgv)\b/g, 'reads argv or the environment'),
      ...viaImport.map(({ line }) => `${file.path}:${line}: reads argv or the environment`),
    ];
  });

/** Syntax that Mailfarm does without. */
export const checkSyntax: Check = (files) =>
  files.flatMap((file) => [
    ...find(file, /\bexport\s+default\b|\bexport\s*\{[^}]*\bas\s+default\b/g, 'default export'),
    ...find(file, /(?:^|[;{}\s])(?:const\s+|declare\s+|export\s+)*enum\s+\w+\s*\{/g, 'enum'),
    ...find(file, /(?:^|[;{}\s])(?:declare\s+|export\s+)*namespace\s+[\w.]+\s*\{/g, 'namespace'),
    ...findParameterProperties(file),
    ...find(file, /\brequire\s*\(|\bmodule\.exports\b/g, 'CommonJS'),
  ]);

/** `constructor(private a: string)`; object types among the parameters may hold `readonly` of their own. */
function findParameterProperties(file: SourceFile): string[] {
  return Array.from(file.code.matchAll(/\bconstructor\s*\(([^)]*)\)/g)).flatMap((match) => {
    const parameters = (match[1] ?? '').replace(/\{[^}]*\}/g, '');
    if (!/(?:^|,)\s*(?:private|public|protected|readonly)\s/.test(parameters)) return [];
    return [`${file.path}:${file.code.slice(0, match.index).split('\n').length}: parameter property`];
  });
}

/** Names of files, and the comment at their head. */
export const checkFiles: Check = (files) =>
  files.flatMap((file) => [
    ...(/^[a-z0-9]+(-[a-z0-9]+)*(\.d)?\.ts$/.test(basename(file.path)) ? [] : [`${file.path}: name is not kebab-case`]),
    ...(/^(#!.*\n)?\/\*\*/.test(file.source)
      ? []
      : [`${file.path}: does not begin with a comment that says what it is`]),
  ]);

/** Files and functions that are too long. */
export const checkSizes: Check = (files) =>
  files.flatMap((file) => [
    ...(file.lines > BUDGET.file.longest ? [`${file.path}: ${file.lines} lines`] : []),
    ...file.functions
      .filter(({ length }) => length > BUDGET.function.longest)
      .map(({ line, length }) => `${file.path}:${line}: function of ${length} lines`),
  ]);

function find(file: SourceFile, pattern: RegExp, what: string): string[] {
  return Array.from(file.code.matchAll(pattern), (match) => {
    const line = file.code.slice(0, match.index).split('\n').length;
    return `${file.path}:${line}: ${what}`;
  });
}

/** Median, 90th percentile and largest of some lengths. */
export function spread(lengths: readonly number[]): { median: number; p90: number; longest: number } {
  const sorted = lengths.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { median: at(0.5), p90: at(0.9), longest: sorted.at(-1) ?? 0 };
}
