import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadAliases } from '../../../src/router/alias-file.ts';
import { makeTemp, removeTemp } from '../../support/temp.ts';

describe('loadAliases', () => {
  const dir = makeTemp('alias-file');
  after(() => removeTemp(dir));

  it('takes an empty file for no aliases', () => {
    writeFileSync(join(dir, 'empty'), '');
    assert.deepEqual(loadAliases(join(dir, 'empty')), { table: new Map(), problems: [] });
  });

  it('reads what can be read and tells of the rest by name and line', () => {
    writeFileSync(join(dir, 'aliases'), 'root: anna\nbad\n');
    const { table, problems } = loadAliases(join(dir, 'aliases'), 'etc/aliases');
    assert.deepEqual([...(table ?? [])], [['root', ['anna']]]);
    assert.deepEqual(problems, ['etc/aliases:2: bad: expected `name: address, address`']);
  });

  it('gives no table when the file cannot be read, or is not there', () => {
    const absent = loadAliases(join(dir, 'absent'));
    assert.equal(absent.table, undefined);
    assert.match(absent.problems[0] ?? '', /^aliases: ENOENT/);
    mkdirSync(join(dir, 'folder'));
    const { table, problems } = loadAliases(join(dir, 'folder'));
    assert.equal(table, undefined);
    assert.match(problems[0] ?? '', /^aliases: EISDIR/);
  });
});
