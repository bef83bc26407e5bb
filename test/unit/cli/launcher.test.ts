/** The launchers of bin/ find the farm of this machine by a small file, for everybody and for links to them. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { run } from '../../support/run.ts';
import { makeTemp } from '../../support/temp.ts';

/** A file of defaults beside an etc and a var; `queue count` tells which var it looked at. */
function makeDefaults(lines: (folders: { readonly etc: string; readonly var: string }) => string) {
  const root = makeTemp('launcher');
  const folders = { etc: path.join(root, 'etc'), var: path.join(root, 'var') };
  mkdirSync(folders.etc);
  const file = path.join(root, 'default');
  writeFileSync(file, lines(folders));
  const nothing = { MAILFARM_ETC: '', MAILFARM_VAR: '', MAILFARM_DEFAULTS: file };
  return { folders, env: nothing, count: (env = {}) => run('bin/queue', ['count'], { env: { ...nothing, ...env } }) };
}

test('the folders are those that the file names, and nothing else of it is taken or run', async () => {
  const { folders, count } = makeDefaults(
    (here) => `# our farm\nMAILFARM_ETC="${here.etc}"\nMAILFARM_VAR=${here.var}\nPATH=/nowhere\nfalse; exit 3`,
  );
  const lacking = await count();
  assert.match(lacking.stderr, new RegExp(`^queue: ${folders.var} does not exist`));
  mkdirSync(folders.var);
  writeFileSync(path.join(folders.etc, 'mailfarm.yaml'), 'nonsense: 1\n');
  const wrong = await count();
  assert.ok(wrong.stderr.startsWith(`${folders.etc}/mailfarm.yaml:1: nonsense`), wrong.stderr);
  writeFileSync(path.join(folders.etc, 'mailfarm.yaml'), '');
  assert.deepEqual(await count(), { status: 0, signal: null, stdout: '0\n', stderr: '' });
});

test('environment and options go before it; the supervisor reads it too', async () => {
  const { env, count } = makeDefaults(({ var: place }) => `MAILFARM_VAR=${place}\n`);
  assert.match((await count({ MAILFARM_VAR: '/nonexistent/a' })).stderr, /\/nonexistent\/a does not exist/);
  const given = await run('bin/queue', ['count', '--var', '/nonexistent/b'], { env });
  assert.match(given.stderr, /\/nonexistent\/b does not exist/);
  // As other programs would read it.
  writeFileSync(env.MAILFARM_DEFAULTS, '  export MAILFARM_VAR=/nonexistent/c \r\n');
  assert.match((await count()).stderr, /^queue: \/nonexistent\/c does not exist/);
  writeFileSync(env.MAILFARM_DEFAULTS, 'MAILFARM_ETC=/nonexistent/etc');
  assert.match(
    (await run('bin/mailfarmd', ['--check'], { env })).stderr,
    /^\/nonexistent\/etc: there is no such folder/,
  );
});
