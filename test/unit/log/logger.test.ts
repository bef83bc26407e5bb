/** The client side of the log against real sockets and a real process that is stopped and killed. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { openLogger, type Logger } from '../../../src/log/logger.ts';
import { waitFor } from '../../support/wait.ts';

let dir: string;
let count = 0;
before(async () => void (dir = await fs.mkdtemp(path.join(os.tmpdir(), 'mf-log-'))));
after(() => fs.rm(dir, { recursive: true }));

function socketPath(): string {
  count += 1;
  return path.join(dir, `${count}.sock`);
}

/** A server that gathers lines, and says so for each piece unless it is to be silent. */
async function collect(t: TestContext, socket: string, silent = false) {
  let text = '';
  const open = new Set<net.Socket>();
  const server = net.createServer((client) => {
    let count = 0;
    open.add(client);
    client.on('data', (chunk) => {
      // An empty line only asks for an answer.
      const lines = chunk.toString().replace(/(^|\n)\n+/g, '$1');
      text += lines;
      count += lines.split('\n').length - 1;
      if (!silent) client.write(`${count}\n`);
    });
    client.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const stop = async (): Promise<void> => {
    for (const client of open) client.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  t.after(stop);
  return {
    stop,
    text: () => text,
    lines: () =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line): Record<string, unknown> => JSON.parse(line)),
  };
}

function open(t: TestContext, socket: string, more: { maxBuffer?: number; level?: 'debug' | 'info' } = {}): Logger {
  const log = openLogger({ socket, farm: 'acceptor', worker: 'acceptor-1', ...more });
  t.after(() => log.close());
  return log;
}

describe('logger', () => {
  it('sends one JSON line per event', async (t) => {
    const socket = socketPath();
    const server = await collect(t, socket);
    const log = open(t, socket);
    log.info('received', { id: '01abc', size: 12 });
    log.warn('refused');
    await log.flush();
    const [first, second] = await waitFor(() => server.lines().length === 2 && server.lines());
    assert.deepEqual(
      { ...first, time: '' },
      {
        time: '',
        level: 'info',
        farm: 'acceptor',
        worker: 'acceptor-1',
        event: 'received',
        id: '01abc',
        size: 12,
      },
    );
    assert.match(String(first?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(second?.['level'], 'warn');
  });

  it('leaves out debug unless asked', async (t) => {
    const socket = socketPath();
    const server = await collect(t, socket);
    const quiet = open(t, socket);
    const loud = open(t, socket, { level: 'debug' });
    quiet.debug('hidden');
    loud.debug('shown');
    await Promise.all([quiet.flush(), loud.flush()]);
    await waitFor(() => server.lines().length > 0);
    assert.deepEqual(
      server.lines().map(({ event }) => event),
      ['shown'],
    );
  });

  it('keeps lines until the log process is there', async (t) => {
    const socket = socketPath();
    const log = open(t, socket);
    for (let n = 0; n < 100; n += 1) log.info('early', { n });
    const flushed = log.flush(10_000);
    const server = await collect(t, socket);
    await flushed;
    await waitFor(() => server.lines().length === 100);
    assert.deepEqual(
      server.lines().map(({ n }) => n),
      Array.from({ length: 100 }, (_, n) => n),
    );
    assert.equal(log.dropped(), 0);
  });

  it('connects again when the log process was replaced', async (t) => {
    const socket = socketPath();
    const former = await collect(t, socket);
    const log = open(t, socket);
    log.info('one');
    await waitFor(() => former.lines().length === 1);
    await former.stop();
    const next = await collect(t, socket);
    log.info('two');
    await waitFor(() => next.lines().some(({ event }) => event === 'two'));
  });

  it('says that lines are in the file only when the log process says so', async (t) => {
    const socket = socketPath();
    const silent = await collect(t, socket, true);
    const log = open(t, socket);
    log.info('one');
    assert.equal(await log.flush(100), false);
    await waitFor(() => silent.lines().length === 1);
    await silent.stop();
    await collect(t, socket);
    assert.equal(await log.flush(10_000), true);
    assert.equal(await log.flush(0), true, 'nothing is left to wait for');
  });

  it('sends again what was not acknowledged when the log process died, and forgets what was', async (t) => {
    const socket = socketPath();
    const first = await collect(t, socket);
    const log = open(t, socket);
    for (let n = 0; n < 10; n += 1) log.info('told', { n });
    assert.equal(await log.flush(10_000), true);
    await first.stop();
    const silent = await collect(t, socket, true);
    for (let n = 0; n < 2000; n += 1) log.info('untold', { n });
    await waitFor(() => silent.lines().length === 2000);
    await silent.stop();
    const last = await collect(t, socket);
    log.info('after');
    assert.equal(await log.flush(10_000), true);
    assert.deepEqual(
      last.lines().map(({ event, n }) => `${String(event)} ${String(n)}`),
      [...Array.from({ length: 2000 }, (_, n) => `untold ${n}`), 'after undefined'],
    );
    assert.equal(log.dropped(), 0);
  });

  it('forgets the oldest lines when the log process takes all and acknowledges nothing', async (t) => {
    const socket = socketPath();
    const silent = await collect(t, socket, true);
    const log = open(t, socket, { maxBuffer: 20_000 });
    for (let round = 0; round < 20; round += 1) {
      for (let n = 0; n < 50; n += 1) log.info('many', { n: round * 50 + n });
      await waitFor(() => silent.lines().length === (round + 1) * 50);
    }
    assert.equal(log.dropped(), 0);
    await silent.stop();
    const next = await collect(t, socket);
    assert.equal(await log.flush(10_000), true);
    const lines = next.lines().length;
    assert.ok(lines > 50 && lines < 250, `${lines} lines were kept`);
    assert.equal(next.lines().at(-1)?.['n'], 999);
  });

  it('drops past its bound, counts, and says so once the log is back', async (t) => {
    const socket = socketPath();
    const log = open(t, socket, { maxBuffer: 2000 });
    for (let n = 0; n < 1000; n += 1) log.info('flood', { n });
    const lost = log.dropped();
    assert.ok(lost > 900 && lost < 1000, `${lost}`);
    const server = await collect(t, socket);
    const told = await waitFor(() => server.lines().find(({ event }) => event === 'log-dropped'));
    assert.equal(told['count'], lost);
    assert.equal(server.lines().length, 1000 - lost + 1);
  });

  it('flush() ends at its deadline when nobody listens, and close() ends it at once', async (t) => {
    const log = open(t, socketPath());
    log.info('lost');
    await log.flush(20);
    const flushed = log.flush(60_000);
    log.close();
    await flushed;
    log.info('after the end');
    assert.equal(log.dropped(), 1);
  });

  it('survives what cannot be written as JSON', async (t) => {
    const socket = socketPath();
    const server = await collect(t, socket);
    const log = open(t, socket);
    const cyclic: Record<string, unknown> = { a: 1 };
    cyclic['self'] = cyclic;
    log.info('odd', {
      cyclic,
      big: 10n,
      error: new Error('boom\r\nnext'),
      bad: { toJSON: () => assert.fail('no') },
      none: undefined,
    });
    log.info('long', { text: 'x'.repeat(1_000_000), id: 'kept' });
    log.info('named', { time: 'mine', event: 'mine', worker: 'router-2' });
    log.info('nothing', {});
    await waitFor(() => server.lines().length === 4);
    const [odd, long, named, nothing] = server.lines();
    assert.equal(odd?.['error'], 'boom next');
    assert.equal(odd?.['big'], '10');
    assert.equal(odd?.['bad'], '(not printable)');
    assert.equal(long?.['id'], 'kept');
    assert.ok(String(long?.['text']).length < 1000);
    assert.equal(named?.['event'], 'named');
    assert.equal(named?.['worker'], 'router-2');
    assert.equal(nothing?.['event'], 'nothing');
    assert.equal(server.text().split('"worker"').length - 1, 4, 'no key stands twice');
  });

  it('lets a process end although the log hangs', async (t) => {
    const script = `
      import { openLogger } from ${JSON.stringify(new URL('../../../src/log/logger.ts', import.meta.url).href)};
      openLogger({ socket: process.argv[1], farm: 'cli', worker: 'cli' }).info('bye');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, socketPath()], { stdio: 'ignore' });
    t.after(() => child.kill('SIGKILL'));
    const code = await new Promise((resolve) => child.on('exit', resolve));
    assert.equal(code, 0);
  });
});

describe('logger over a process that misbehaves', () => {
  it('is not held up by a stopped log process, and loses nothing within its bound', async (t) => {
    const socket = socketPath();
    const out = path.join(dir, 'stopped.log');
    const child = await startReader(t, socket, out);
    const log = open(t, socket);
    log.info('before');
    await waitFor(async () => (await fs.readFile(out, 'utf8')).includes('before'));
    child.kill('SIGSTOP');
    const filler = 'x'.repeat(1000);
    for (let n = 0; n < 800; n += 1) log.info('while', { n, filler });
    await log.flush(100);
    assert.equal(log.dropped(), 0);
    for (let n = 0; n < 2000; n += 1) log.info('flood', { n, filler });
    assert.ok(log.dropped() > 0);
    child.kill('SIGCONT');
    const text = await waitFor(async () => {
      const read = await fs.readFile(out, 'utf8');
      return read.includes('log-dropped') && read;
    });
    assert.equal(text.split('"event":"while"').length - 1, 800);
    assert.equal(text.split('"event":"flood"').length - 1, 2000 - log.dropped());
  });

  it('survives the death of the log process under load', async (t) => {
    const socket = socketPath();
    const log = open(t, socket);
    for (let round = 0; round < 3; round += 1) {
      const out = path.join(dir, `killed-${round}.log`);
      const child = await startReader(t, socket, out);
      await waitFor(async () => {
        for (let n = 0; n < 50; n += 1) log.info('load', { round });
        return (await fs.readFile(out, 'utf8')).includes(`"round":${round}`);
      });
      child.kill('SIGKILL');
      await new Promise((resolve) => child.on('exit', resolve));
    }
  });
});

/** A process that appends what it reads from the socket to a file. */
async function startReader(t: TestContext, socket: string, out: string): Promise<ChildProcess> {
  await fs.rm(socket, { force: true });
  await fs.writeFile(out, '');
  const script = `
    const fs = require('node:fs');
    require('node:net').createServer((c) => c.on('data', (d) => fs.appendFileSync(process.argv[2], d)).on('error', () => {}))
      .listen(process.argv[1], () => process.stdout.write('ready'));`;
  const child = spawn(process.execPath, ['-e', script, socket, out], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  return child;
}

describe('stderr logger', () => {
  it('prints the plain form', async () => {
    const script = `
      import { openStderrLogger } from ${JSON.stringify(new URL('../../../src/log/logger.ts', import.meta.url).href)};
      const log = openStderrLogger({ farm: 'supervisor', worker: 'supervisor' });
      log.error('bad-config', { file: 'mailfarm.yaml' });
      log.debug('hidden');
      await log.flush();`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => void (text += chunk.toString()));
    await new Promise((resolve) => child.on('close', resolve));
    assert.match(text, /^\d\d:\d\d:\d\d supervisor error: bad-config file=mailfarm\.yaml\n$/);
  });

  it('survives a closed stderr', async () => {
    const script = `
      import { openStderrLogger } from ${JSON.stringify(new URL('../../../src/log/logger.ts', import.meta.url).href)};
      const log = openStderrLogger({ farm: 'cli', worker: 'cli' });
      process.stdin.once('data', () => { for (let n = 0; n < 1000; n += 1) log.info('gone', { n }); });
      process.stdin.once('end', () => setImmediate(() => process.exit(0)));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'ignore', 'pipe'] });
    child.stderr.destroy();
    child.stdin.end('go');
    assert.equal(await new Promise((resolve) => child.on('exit', resolve)), 0);
  });
});
