import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load.ts';
import { readResolved, writeResolved } from '../../../src/config/resolved.ts';

test('a worker reads what the supervisor wrote', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'resolved-'));
  try {
    const loaded = await loadConfig({ etcDir: dir, varDir: dir, set: [] });
    assert.ok(loaded.ok);
    const path = join(dir, 'config.json');
    writeFileSync(`${path}.new`, 'left by a crash', { mode: 0o644 });
    writeResolved(path, loaded.config);
    writeResolved(path, loaded.config, { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 });
    assert.deepEqual(readResolved(path), loaded.config);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(dir), ['config.json']);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('without the file a worker cannot go on', () => {
  assert.throws(() => readResolved('/nonexistent/config.json'), { code: 'ENOENT' });
});

test('a worker that reads it loads neither YAML nor schemas', () => {
  const script = `
    import { registerHooks } from 'node:module';
    const packages = [];
    registerHooks({ resolve(name, context, next) {
      if (!/^(node:|[./]|file:)/.test(name)) packages.push(name);
      return next(name, context);
    } });
    const folder = new URL(process.argv[1]);
    for (const file of ['config.ts', 'resolved.ts', 'networks.ts', 'listen-address.ts']) await import(new URL(file, folder));
    console.log(JSON.stringify(packages));`;
  const folder = new URL('../../../src/config/', import.meta.url).href;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script, folder], { encoding: 'utf8' });
  assert.deepEqual(JSON.parse(out), []);
});
