/**
 * The shape of the source tree: arrows, package owners, forbidden syntax and size budget of src/README.md.
 *
 * Each rule is first shown a tree with a planted violation and must find it, so that none can pass because it looks at
 * nothing; then it looks at the real tree.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import * as rules from './support/architecture/rules.ts';
import { maskSource } from './support/architecture/mask.ts';
import { scanSource } from './support/architecture/scan.ts';
import { ROOT } from './support/run.ts';
import { makeTemp, removeTemp } from './support/temp.ts';

const tree = rules.readTree(ROOT);

interface Planted {
  readonly name: string;
  readonly check: rules.Check;
  /** What the tree must not hold, by path; each must be found by itself. */
  readonly planted: readonly Readonly<Record<string, string>>[];
}

const HEAD = '/** What it is. */\n';
const LONG_FUNCTION = `${HEAD}export function f(): void {\n${'  g();\n'.repeat(75)}}\n`;

const RULES: readonly Planted[] = [
  {
    name: 'imports point down',
    check: rules.checkArrows,
    planted: [
      { 'src/router/a.ts': "import { b } from '../acceptor/b.ts';", 'src/acceptor/b.ts': '' },
      { 'src/router/a.ts': "import type { b } from '../scheduler/b.ts';", 'src/scheduler/b.ts': '' },
      { 'src/mail/a.ts': "export { b } from '../ipc/b.ts';", 'src/ipc/b.ts': '' },
      { 'src/queue/a.ts': "const b = await import('../process/b.ts');", 'src/process/b.ts': '' },
      { 'src/base/a.ts': "import '../mail/b.ts';", 'src/mail/b.ts': '' },
      { 'src/base/a.ts': "import {\n  one,\n  two,\n} from '../log/b.ts';", 'src/log/b.ts': '' },
      { 'src/process/a.ts': "import { b } from '../router/b.ts';", 'src/router/b.ts': '' },
      { 'src/router/a.ts': "import { b } from './b.js';" },
      { 'src/router/a.ts': "import { b } from './missing.ts';" },
      { 'src/router/a.ts': "import { b } from '../../test/b.ts';", 'test/b.ts': '' },
      { 'src/router/a.ts': "import './main.ts';", 'src/router/main.ts': '' },
      { 'src/router/a.ts': "import '../helpers/b.ts';", 'src/helpers/b.ts': '' },
    ],
  },
  {
    name: 'folders form no circle',
    check: rules.checkFolderCircles,
    planted: [
      {
        'src/queue/a.ts': "import '../ipc/a.ts';",
        'src/ipc/a.ts': '',
        'src/ipc/b.ts': "import type { c } from '../queue/c.ts';",
        'src/queue/c.ts': '',
      },
    ],
  },
  {
    name: 'files form no circle at run time',
    check: rules.checkFileCircles,
    planted: [
      {
        'src/router/a.ts': "import { b } from './b.ts';",
        'src/router/b.ts': "import { c } from './c.ts';",
        'src/router/c.ts': "import { type A, a } from './a.ts';",
      },
    ],
  },
  {
    name: 'packages stay with their owners',
    check: rules.checkPackages,
    planted: [
      { 'src/router/a.ts': "import { SMTPServer } from 'smtp-server';" },
      { 'src/router/a.ts': "import type Database from 'better-sqlite3';" },
      { 'src/acceptor/a.ts': "const c = await import('nodemailer/lib/smtp-connection/index.js');" },
      { 'src/cli/a.ts': "import _ from 'lodash';" },
      { 'src/cli/a.ts': "import _ from '@some/package/file.js';" },
      { 'src/cli/a.ts': "import fs from 'fs';" },
      { 'src/cli/a.ts': "import c from 'constructor';" },
    ],
  },
  {
    name: 'only main.ts, config and process read argv and the environment',
    check: rules.checkEnvironment,
    planted: [
      { 'src/router/a.ts': 'const x = process.env.HOME;' },
      { 'src/cli/a.ts': 'const [, , x] = process.argv;' },
      { 'src/log/a.ts': "import { env } from 'node:process';" },
      { 'src/log/a.ts': "import process from 'node:process';" },
    ],
  },
  {
    name: 'no default exports, enums, namespaces, parameter properties or CommonJS',
    check: rules.checkSyntax,
    planted: [
      { 'src/router/a.ts': 'export default 1;' },
      { 'src/router/a.ts': 'const a = 1;\nexport { a as default };' },
      { 'src/router/a.ts': 'export const enum Colour { Red }' },
      { 'src/router/a.ts': 'enum Colour { Red }' },
      { 'src/router/a.ts': 'namespace N { }' },
      { 'src/router/a.ts': 'class A { constructor(private readonly b: string) {} }' },
      { 'src/router/a.ts': "const a = require('./b.ts');" },
    ],
  },
  {
    name: 'files have kebab-case names and a comment at their head',
    check: rules.checkFiles,
    planted: [{ 'src/router/aliasFile.ts': HEAD }, { 'src/router/a.ts': 'const a = 1;\n' }],
  },
  {
    name: 'no file and no function is too long',
    check: rules.checkSizes,
    planted: [
      { 'src/router/a.ts': HEAD + 'g();\n'.repeat(400) },
      { 'src/router/a.ts': LONG_FUNCTION },
      { 'src/router/a.ts': LONG_FUNCTION.replace('function f(): void {', 'const f = async (): Promise<void> => {') },
      {
        'src/router/a.ts':
          LONG_FUNCTION.replace('export function f(): void {', 'class A { f(): { a: string } | Map<string, {}> {') +
          '}',
      },
      {
        'src/router/a.ts':
          LONG_FUNCTION.replace('export function f(): void {', 'class A { async *#f<T>(x: T): T {') + '}',
      },
    ],
  },
];

for (const { name, check, planted } of RULES) {
  describe(name, () => {
    planted.forEach((files, n) => {
      it(`finds planted violation ${n + 1}`, () => {
        assert.ok(onTree(files, check).length > 0, `not found: ${JSON.stringify(files)}`);
      });
    });
    it('finds nothing in a clean tree', () => assert.deepEqual(onTree(CLEAN, check), []));
    it('holds in src', () => {
      assert.ok(tree.length > 20, 'the tree was read');
      assert.deepEqual(check(tree, ROOT), []);
    });
  });
}

/** All that is allowed and looks much like what is not. */
const CLEAN = {
  'src/router/main.ts': `${HEAD}import { runWorker } from '../process/worker.ts';\nrunWorker(process.env, process.argv);\n`,
  'src/process/worker.ts': `${HEAD}import type { A } from '../queue/a.ts';\nimport fs from 'node:fs';\nexport const e = process.env;\n`,
  'src/queue/a.ts': [
    HEAD,
    "import '../ipc/b.ts';",
    "// import '../process/worker.ts'; export default 1;",
    '/* enum X { } process.env.HOME */ const text = "import x from \'lodash\'; export default 1";',
    "const t = `${text} import x from 'lodash' ${`nested ${1} export default`} process.env`;",
    'const r = /["\'`]/g; const s = 1 / 2 / 3; const q = [/export default/];',
    'export const importantNamespace = { default: 1, enum: 2, require: 3 };',
    'class A { constructor(a: string) { this.readonly = a; } }',
    '',
  ].join('\n'),
  'src/ipc/b.ts': `${HEAD}import Database from 'node:sqlite';\nexport const b = 1;\n`,
  'src/db/c.ts': `${HEAD}import Database from 'better-sqlite3';\nimport type { D } from './d.ts';\nexport const c = 1;\n`,
  'src/db/d.ts': `${HEAD}import { c } from './c.ts';\nexport type D = typeof c;\n`,
} as const;

function onTree(files: Readonly<Record<string, string>>, check: rules.Check): string[] {
  const root = makeTemp('tree');
  try {
    for (const [path, source] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), source);
    }
    return check(rules.readTree(root), root);
  } finally {
    removeTemp(root);
  }
}

describe('the scanner', () => {
  it('blanks what is no code and keeps every line and column', () => {
    const source = "a('x // y'); // 'c'\nb(`p ${ q('}') } /* r */`); /* s\n t */ c(/['\"/]/.test(d)); e = f / g / h;\n";
    const { code, strings } = maskSource(source);
    assert.equal(code.length, source.length);
    assert.equal(
      code.replace(/ +/g, ' '),
      "a(' ');\u0020\nb(` ${ q(' ') } `);\u0020\n c(/ /.test(d)); e = f / g / h;\n",
    );
    assert.deepEqual([...strings.values()], ['x // y', '}']);
  });

  it('measures functions of every form', () => {
    const source = [
      'function a(): void {',
      '}',
      'const b = () => {',
      '  x();',
      '};',
      'class C {',
      '  async *#d<T>(e: () => void): Promise<{ f: T }> {',
      '    if (x) {',
      '    }',
      '  }',
      '  get g() {',
      '    return 1;',
      '  }',
      '}',
      'call(function () {',
      '});',
      'h({ i: 1 });',
    ].join('\n');
    const measured = scanSource(source).functions.toSorted((one, other) => one.line - other.line);
    assert.deepEqual(measured, [
      { line: 1, length: 2 },
      { line: 3, length: 3 },
      { line: 7, length: 4 },
      { line: 11, length: 3 },
      { line: 15, length: 2 },
    ]);
  });
});

describe('the size budget', () => {
  const files = rules.spread(tree.map((file) => file.lines));
  const functions = rules.spread(tree.flatMap((file) => file.functions.map(({ length }) => length)));
  const sourceLines = tree.reduce((sum, file) => sum + file.lines, 0);
  const testLines = rules.readTree(ROOT, 'test').reduce((sum, file) => sum + file.lines, 0);
  const ratio = testLines / sourceLines;
  const show = (of: ReturnType<typeof rules.spread>): string =>
    `median ${of.median}, p90 ${of.p90}, longest ${of.longest}`;
  after(() => {
    console.log(`files: ${tree.length}, ${show(files)}; functions: ${show(functions)}`);
    console.log(`lines: src ${sourceLines}, test ${testLines}, ratio ${ratio.toFixed(2)}`);
  });

  for (const measure of ['median', 'p90', 'longest'] as const) {
    it(`holds for the ${measure} of files`, () => assert.ok(files[measure] <= rules.BUDGET.file[measure], show(files)));
    it(`holds for the ${measure} of functions`, () => {
      assert.ok(functions[measure] <= rules.BUDGET.function[measure], show(functions));
    });
  }
  it('has tests about as long as the source', () => assert.ok(ratio >= 0.6, ratio.toFixed(2)));
});
