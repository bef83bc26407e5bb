/** The shipped etc/ says what the code does: it loads, it equals the embedded defaults, and it explains every key. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load.ts';
import { REPLY_CLASSES } from '../../../src/mail/reply-class.ts';

const ETC = join(import.meta.dirname, '../../../etc');
const read = (name: string): string => readFileSync(join(ETC, name), 'utf8');

test('the shipped files load and equal the embedded defaults', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'shipped-'));
  try {
    const shipped = await loadConfig({ etcDir: ETC, varDir: 'var', set: [] });
    const embedded = await loadConfig({ etcDir: empty, varDir: 'var', set: [] });
    assert.ok(shipped.ok && embedded.ok);
    const { aliases, ...rest } = shipped.config;
    assert.equal(aliases, 'aliases');
    assert.deepEqual({ ...rest, paths: embedded.config.paths }, embedded.config);
  } finally {
    rmSync(empty, { recursive: true });
  }
});

/** Keys known at a path, as the answer to a key that nobody knows tells them. */
async function knownKeys(path: string): Promise<string[]> {
  const result = await loadConfig({ etcDir: ETC, varDir: 'var', set: [`${path}qqqqqqqqqqqqqqqq=1`] });
  assert.ok(!result.ok);
  const message = result.problems.map((problem) => problem.message).find((text) => text.startsWith('unknown key'));
  return message?.split('known here: ')[1]?.split(', ') ?? [];
}

const SECTIONS = [
  '',
  'listen.0.',
  'relay.',
  'domains.',
  'routes.0.',
  'limits.',
  'retry.',
  'bounce.',
  'smtp.',
  'lanes.',
  'lanes.perChannel.',
];
for (const path of [...SECTIONS, 'maildir.', 'queue.', 'filters.structure.', 'filter.', 'log.', 'ipc.']) {
  test(`mailfarm.yaml explains every key of ${path === '' ? 'the top' : path.slice(0, -1)}`, async () => {
    const keys = await knownKeys(path);
    assert.notEqual(keys.length, 0);
    const text = read('mailfarm.yaml');
    for (const key of keys.filter((name) => !['farms', 'tenants', 'bounceClasses'].includes(name))) {
      assert.match(text, new RegExp(`(^|[\\s{,#])${key}(:|,|  )`, 'm'), key);
    }
  });
}

test('farms.yaml has a row for every farm and explains every key', async () => {
  const text = read('farms.yaml');
  for (const farm of await knownKeys('farms.')) assert.match(text, new RegExp(`^${farm}: `, 'm'), farm);
  for (const key of await knownKeys('farms.acceptor.')) assert.match(text, new RegExp(`^# ${key}  `, 'm'), key);
});

test('bounce-classes.yaml defines nothing yet, and explains every key and every class', async () => {
  const text = read('bounce-classes.yaml');
  assert.match(text, /^rules: \[\]$/m);
  for (const key of await knownKeys('bounceClasses.rules.0.'))
    assert.match(text, new RegExp(`^#   ${key}  `, 'm'), key);
  for (const name of REPLY_CLASSES) assert.match(text, new RegExp(`[ ]${name}\\b`), name);
});

test('the shipped alias file defines nothing yet', () => {
  assert.ok(
    read('aliases')
      .split('\n')
      .every((line) => line === '' || line.startsWith('#')),
  );
});

test('the systemd unit starts, reloads and stops what we ship', () => {
  const unit = read('mailfarm.service');
  for (const line of [
    /^Type=simple$/m,
    /^ExecStart=.*\/bin\/mailfarmd /m,
    /^ExecReload=.*-HUP/m,
    /^KillMode=mixed$/m,
    /CAP_NET_BIND_SERVICE/,
  ]) {
    assert.match(unit, line);
  }
});

test('what runs before a change lands is the test command of README', () => {
  const [command] = /^npm test\b/m.exec(read('../README.md')) ?? [];
  assert.equal(command, 'npm test');
  assert.match(read('../.ci/run'), /^npm test$/m);
});

test('tenants.yaml explains every key', async () => {
  const text = read('tenants.yaml');
  const keys = await knownKeys('tenants.x.');
  assert.notEqual(keys.length, 0);
  for (const key of keys) assert.match(text, new RegExp(`^# ${key}  `, 'm'), key);
});
