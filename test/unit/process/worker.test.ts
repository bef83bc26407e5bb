import assert from 'node:assert/strict';
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { loadConfig } from '../../../src/config/load.ts';
import { isRunning } from '../../support/processes.ts';
import { makeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const SCRIPT = join(import.meta.dirname, '../../support/supervisor/stand-in.ts');
const children: ChildProcess[] = [];

/** A worker that this test is the supervisor of. */
async function startWorker(behaviour = ''): Promise<ChildProcess> {
  const varDir = makeTemp('worker');
  mkdirSync(join(varDir, 'run'));
  mkdirSync(join(varDir, 'etc'));
  const loaded = await loadConfig({ etcDir: join(varDir, 'etc'), varDir, set: ['farms.router.drain=60s'] });
  assert.ok(loaded.ok);
  writeFileSync(join(varDir, 'run/config.json'), JSON.stringify(loaded.config));
  writeFileSync(join(varDir, 'run/behave-router'), behaviour);
  const identity = JSON.stringify({ farm: 'router', name: 'router-1', instance: 'router-1-x', fds: {} });
  const child = fork(SCRIPT, [], {
    cwd: varDir,
    env: { ...process.env, MAILFARM_WORKER: identity },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.push(child);
  if (behaviour !== 'silent') assert.deepEqual((await once(child, 'message'))[0], { report: 'ready' });
  return child;
}

async function endOf(child: ChildProcess): Promise<unknown> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode;
  const [code, signal] = (await once(child, 'exit')) as unknown[];
  return code ?? signal;
}

describe('runWorker', () => {
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  it('drains and exits 0 when it is told to', async () => {
    const child = await startWorker();
    child.send({ order: 'drain', deadline: Date.now() + 10_000 });
    assert.equal(await endOf(child), 0);
  });

  it('exits 75 when it does not drain in time; a shorter deadline replaces a longer one', async () => {
    const child = await startWorker('stubborn');
    child.send({ order: 'drain', deadline: Date.now() + 600_000 });
    child.send({ order: 'drain', deadline: Date.now() + 50 });
    assert.equal(await endOf(child), 75);
  });

  it('exits 75 when it leaves mail with nobody', async () => {
    const child = await startWorker('unfinished');
    child.send({ order: 'drain', deadline: Date.now() + 10_000 });
    assert.equal(await endOf(child), 75);
  });

  it('ends when its supervisor is gone, also when it is still starting', async () => {
    const ready = await startWorker();
    ready.disconnect();
    assert.equal(await endOf(ready), 0);
    const starting = await startWorker('silent');
    await waitFor(() => starting.pid !== undefined && isRunning(starting.pid), { what: 'worker' });
    starting.disconnect();
    assert.notEqual(await endOf(starting), null);
  });

  it('leaves Ctrl-C, hang-up and debugger signals to the supervisor', async () => {
    const child = await startWorker();
    for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGQUIT'] as const) child.kill(signal);
    child.send({ order: 'drain', deadline: Date.now() + 10_000 });
    assert.equal(await endOf(child), 0);
  });

  it('asks the supervisor when it gets SIGTERM, and drains when that does not answer', async () => {
    const child = await startWorker();
    child.kill('SIGTERM');
    assert.deepEqual((await once(child, 'message'))[0], { report: 'term' });
    assert.equal(await endOf(child), 0);
  });

  it('ignores orders that are none', async () => {
    const child = await startWorker();
    for (const message of ['drain', { order: 'drain' }, { order: 'x' }, { nonsense: true }]) child.send(message);
    child.send({ order: 'drain', deadline: Date.now() + 10_000 });
    assert.equal(await endOf(child), 0);
  });

  it('says what it is when somebody starts it by hand', async () => {
    const child = spawn(process.execPath, [SCRIPT], { stdio: ['ignore', 'ignore', 'pipe'] });
    children.push(child);
    let text = '';
    child.stderr.on('data', (chunk) => (text += String(chunk)));
    assert.equal(await endOf(child), 64);
    assert.match(text, /mailfarmd starts it/);
  });
});
