import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { parseOptions, type Options } from '../../../src/supervisor/options.ts';

function parse(args: readonly string[], env: NodeJS.ProcessEnv = {}): Options {
  const options = parseOptions(args, env, '/code');
  if (typeof options === 'string') throw new Error(options);
  return options;
}

describe('parseOptions', () => {
  it('works with nothing: var beside the code, etc left to the configuration', () => {
    const options = parse([]);
    assert.equal(options.varDir, '/code/var');
    assert.equal(options.etcDir, undefined);
    assert.deepEqual(options.set, []);
  });

  it('prefers the command line to the environment, and ignores empty variables', () => {
    const env = { MAILFARM_ETC: '/env/etc', MAILFARM_VAR: '/env/var' };
    assert.equal(parse([], env).varDir, '/env/var');
    assert.equal(parse([], env).etcDir, '/env/etc');
    assert.equal(parse(['--var', '/line'], env).varDir, '/line');
    assert.equal(parse([], { MAILFARM_VAR: '', MAILFARM_ETC: '' }).varDir, '/code/var');
  });

  it('makes paths absolute', () => {
    assert.equal(parse(['--var', 'x', '--etc', 'y']).varDir, path.resolve('x'));
    assert.equal(parse(['--var', 'x', '--etc=y']).etcDir, path.resolve('y'));
  });

  it('gathers every --set in order', () => {
    assert.deepEqual(parse(['--set', 'a=1', '--set=b=2=3']).set, ['a=1', 'b=2=3']);
  });

  it('knows its flags', () => {
    const { check, drain, help, version } = parse(['--check', '--drain', '-h', '--version']);
    assert.deepEqual([check, drain, help, version], [true, 'due', true, true]);
  });

  it('takes --drain alone and with the word all, and no other', () => {
    assert.equal(parse([]).drain, undefined);
    assert.equal(parse(['--drain', '--set', 'a=1']).drain, 'due');
    assert.equal(parse(['--drain=all']).drain, 'all');
    const wrong = parseOptions(['--drain=now'], {}, '/code');
    assert.ok(typeof wrong === 'string');
    assert.match(wrong, /--drain=all/);
  });

  it('says what is wrong in one line', () => {
    for (const args of [['--nonsense'], ['stray'], ['--set'], ['--var'], ['--check=yes']]) {
      const wrong = parseOptions(args, {}, '/code');
      assert.ok(typeof wrong === 'string', args.join(' '));
      assert.doesNotMatch(wrong, /\n/);
    }
  });
});
