import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { codeRoot, machineName } from '../../../src/config/paths.ts';

test('the code is where package.json is', () => {
  assert.ok(existsSync(join(codeRoot(), 'package.json')));
  assert.ok(existsSync(join(codeRoot(), 'src', 'config')));
});

test('any machine has a name that mail can use', () => {
  assert.equal(machineName('MX.Example.org'), 'mx.example.org');
  assert.equal(machineName('my machine!'), 'my-machine');
  assert.equal(machineName('a_b'), 'a-b');
  for (const name of ['', '...', '127.0.0.1', '-', 'x'.repeat(80), 'a..b'])
    assert.equal(machineName(name), 'localhost', name);
  assert.match(machineName(), /^[a-z0-9.-]+$/);
});
