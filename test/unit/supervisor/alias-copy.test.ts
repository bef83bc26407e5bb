import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { readAliases, writeAliases } from '../../../src/supervisor/alias-copy.ts';
import { makeTemp, removeTemp } from '../../support/temp.ts';

describe('the copy of the alias file', () => {
  const before = process.cwd();
  let dir = '';
  beforeEach(() => {
    dir = makeTemp('aliases');
    mkdirSync(join(dir, 'run'));
    process.chdir(dir);
  });
  afterEach(() => {
    process.chdir(before);
    removeTemp(dir);
  });

  const configOf = (aliases?: string) => {
    const paths = { etc: dir, var: dir, code: dir };
    return aliases === undefined ? { paths } : { aliases, paths };
  };

  it('is the text as it stands, for its owner alone', () => {
    writeFileSync(join(dir, 'aliases'), 'root: anna\n');
    const aliases = readAliases(configOf('aliases'));
    assert.deepEqual(aliases.problems, []);
    writeAliases(aliases.text ?? '');
    assert.equal(readFileSync('run/aliases', 'utf8'), 'root: anna\n');
    assert.equal(statSync('run/aliases').mode & 0o777, 0o600);
  });

  it('is empty when no file is named, also where there was one before', () => {
    writeFileSync(join(dir, 'run', 'aliases'), 'old: anna\n');
    const aliases = readAliases(configOf());
    assert.deepEqual(aliases, { text: '', problems: [] });
    writeAliases(aliases.text ?? 'none');
    assert.equal(readFileSync('run/aliases', 'utf8'), '');
  });

  it('is never made of a file that cannot be read, or is too large to be one', () => {
    mkdirSync(join(dir, 'folder'));
    writeFileSync(join(dir, 'large'), '');
    truncateSync(join(dir, 'large'), 64 * 1024 * 1024 + 1);
    for (const [name, why] of [
      ['absent', /absent: ENOENT/],
      ['folder', /folder: EISDIR/],
      ['large', /large: larger than \d+ bytes/],
    ] as const) {
      const { text, problems } = readAliases(configOf(name));
      assert.equal(text, undefined, name);
      assert.match(problems.join(), why);
    }
  });

  it('tells the place of every mistake', () => {
    const file = join(dir, 'my-aliases');
    writeFileSync(file, 'a: b\nnonsense\nc: |sh\n');
    assert.deepEqual(readAliases(configOf('my-aliases')).problems, [
      `${file}:2: nonsense: expected \`name: address, address\``,
      `${file}:3: c: |sh is a command: aliases lead to addresses only`,
    ]);
  });
});
