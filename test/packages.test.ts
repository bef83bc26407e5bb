/**
 * What `npm ci` reads: it must succeed in a fresh clone on any Linux, compile nothing, and give no warning that asks the
 * user to do something.
 *
 * npm drops what this test looks for when it rewrites package-lock.json on one machine; put it back by hand then.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ROOT } from './support/run.ts';

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly gypfile?: boolean;
  readonly hasInstallScript?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
}

const lock = readJson('package-lock.json') as { readonly packages: Readonly<Record<string, Locked>> };
const locked = Object.entries(lock.packages);
const paths = new Set(locked.map(([path]) => path));

describe('what npm ci reads', () => {
  it('locks the packages of every platform: npm ci refuses a lock that misses one', () => {
    const wanted = locked.flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).map((name) => ({ path, name })),
    );
    assert.ok(wanted.length > 50);
    const missing = wanted.filter(
      ({ path, name }) => !paths.has(`node_modules/${name}`) && !paths.has(`${path}/node_modules/${name}`),
    );
    assert.deepEqual(missing, []);
  });

  it('keeps gypfile false in the lock: without it, npm runs node-gyp for a package that brings its binaries', () => {
    const compiled = locked.filter(
      ([path, { gypfile }]) => path !== '' && gypfile !== false && existsSync(join(ROOT, path, 'binding.gyp')),
    );
    assert.deepEqual(
      compiled.map(([path]) => path),
      [],
    );
  });

  it('lets exactly one install script run, that of the package that brings Node', () => {
    const { allowScripts } = readJson('package.json') as { readonly allowScripts: Readonly<Record<string, boolean>> };
    const allowed = Object.keys(allowScripts).filter((name) => allowScripts[name] === true);
    const asking = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true);
    assert.deepEqual(allowed, ['node']);
    assert.deepEqual(
      asking.map(([path]) => path),
      ['node_modules/node'],
    );
  });

  it('names no registry in the lock', () => {
    assert.deepEqual(
      locked.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path),
      [],
    );
  });
});
