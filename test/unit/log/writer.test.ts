/** The log process's role over real sockets: many clients, hostile lines, a terminal, a closed stdout, the end. */
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import fs from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { openLogger } from '../../../src/log/logger.ts';
import { startLog, type LogPlaces, type LogRole } from '../../../src/log/writer.ts';
import { waitFor } from '../../support/wait.ts';

let dir: string;
let count = 0;
before(async () => void (dir = await fs.mkdtemp(path.join(os.tmpdir(), 'mf-writer-'))));
after(() => fs.rm(dir, { recursive: true }));

interface Running {
  readonly role: LogRole;
  readonly socket: string;
  lines(): Promise<Record<string, unknown>[]>;
}

const SETTINGS = { maxSize: 10_000_000, keep: 2, format: 'auto' as 'auto' | 'json' | 'plain' };

async function start(t: TestContext, places: LogPlaces = {}, format = SETTINGS.format): Promise<Running> {
  count += 1;
  const socket = path.join(dir, `${count}.sock`);
  const file = path.join(dir, `${count}`, 'mailfarm.log');
  const worker = { name: 'log-1', config: { log: { ...SETTINGS, format } }, fd: () => undefined };
  const role = await startLog(worker, { socket, file, terminal: false, ...places });
  t.after(() => role.drain(0));
  return { role, socket, lines: () => readLines(file) };
}

async function readLines(file: string): Promise<Record<string, unknown>[]> {
  const text = await fs.readFile(file, 'utf8').catch(() => '');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line): Record<string, unknown> => JSON.parse(line));
}

async function connect(t: TestContext, socket: string): Promise<net.Socket> {
  const client = net.connect({ path: socket });
  client.on('error', () => undefined);
  t.after(() => client.destroy());
  await new Promise((resolve) => client.once('connect', resolve));
  return client;
}

describe('log process', () => {
  it('writes the lines of many clients, whole', async (t) => {
    const running = await start(t);
    const loggers = Array.from({ length: 20 }, (_, n) =>
      openLogger({ socket: running.socket, farm: 'router', worker: `router-${n}` }),
    );
    for (let n = 0; n < 200; n += 1) for (const log of loggers) log.info('load', { n });
    await Promise.all(loggers.map((log) => log.flush()));
    const lines = await waitFor(async () => {
      const found = await running.lines();
      return found.length === 4000 && found;
    });
    for (let worker = 0; worker < 20; worker += 1) {
      const own = lines.filter((line) => line['worker'] === `router-${worker}`);
      assert.deepEqual(
        own.map(({ n }) => n),
        Array.from({ length: 200 }, (_, n) => n),
      );
    }
    for (const log of loggers) log.close();
  });

  it('wraps what is no JSON object, and counts it', async (t) => {
    const running = await start(t);
    const hostile = await connect(t, running.socket);
    const rows = ['not json', '[1,2]', '"text"', 'null', '{"open":', '{"a":1}{"b":2}', '\u001b[31mred\r', '\u0000'];
    hostile.write(`${rows.join('\n')}\n{"event":"fine","__proto__":{"farm":"x"}}\r\n`);
    hostile.write(Buffer.from([0xff, 0xfe, 0x0a]));
    hostile.write(`{"event":"${'x'.repeat(70_000)}"}\n{"event":"last"}\n`);
    const lines = await waitFor(async () => {
      const found = await running.lines();
      return found.at(-1)?.['event'] === 'last' && found;
    });
    const malformed = lines.filter(({ event }) => event === 'malformed-line');
    assert.equal(malformed.length, rows.length + 2);
    assert.equal(running.role.stats()['malformed'], malformed.length);
    assert.ok(malformed.every(({ text }) => !String(text).includes('\u001b')));
    assert.equal(malformed.at(-1)?.['why'], 'too long');
    assert.equal(lines.filter(({ event }) => event === 'fine').length, 1);
  });

  it('drops the unfinished line of a client that went away', async (t) => {
    const running = await start(t);
    const client = await connect(t, running.socket);
    client.end('{"event":"whole"}\n{"event":"unfin');
    await waitFor(() => running.role.stats()['clients'] === 0);
    assert.deepEqual(
      await waitFor(async () => {
        const found = await running.lines();
        return found.length > 0 && found;
      }),
      [{ event: 'whole' }],
    );
  });

  it('shows the plain form on a terminal, JSON when asked, nothing otherwise', async (t) => {
    for (const [format, terminal, expected] of [
      ['auto', true, /^\d\d:\d\d:\d\d .*received.* 01abc.*from=<a@b>\n$/],
      ['plain', false, /^\d\d:\d\d:\d\d acceptor-1 received 01abc from=<a@b>\n$/],
      ['json', false, /^\{"time":.*"sender":"a@b"\}\n$/],
      ['auto', false, /^$/],
    ] as const) {
      const shown = path.join(dir, `shown-${format}-${terminal}`);
      const stdout = openSync(shown, 'w');
      t.after(() => closeSync(stdout));
      const running = await start(t, { stdout, terminal }, format);
      const log = openLogger({ socket: running.socket, farm: 'acceptor', worker: 'acceptor-1' });
      log.info('received', { id: '01abc', sender: 'a@b' });
      await waitFor(async () => (await running.lines()).length === 1);
      await waitFor(async () => expected.test(await fs.readFile(shown, 'utf8')), { what: `${format} ${terminal}` });
      log.close();
    }
  });

  it('goes on when nobody reads its stdout any more', async (t) => {
    // The printer closes what it cannot write to.
    const full = openSync('/dev/full', 'w');
    const running = await start(t, { stdout: full }, 'json');
    const log = openLogger({ socket: running.socket, farm: 'acceptor', worker: 'acceptor-1' });
    for (let n = 0; n < 3; n += 1) {
      log.info('line', { n });
      await waitFor(async () => (await running.lines()).length === n + 1);
    }
    log.close();
  });

  it('reads on until the other workers are gone, then ends', async (t) => {
    const running = await start(t);
    const worker = openLogger({ socket: running.socket, farm: 'router', worker: 'router-1' });
    const own = openLogger({ socket: running.socket, farm: 'log', worker: 'log-1' });
    const supervisor = openLogger({ socket: running.socket, farm: 'supervisor', worker: 'supervisor' });
    for (const log of [worker, own, supervisor]) log.info('ready');
    await waitFor(async () => (await running.lines()).length === 3);
    const drained = running.role.drain(Date.now() + 60_000);
    worker.info('last words');
    await worker.flush(60_000);
    worker.close();
    await drained;
    assert.equal((await running.lines()).at(-1)?.['event'], 'last words');
    for (const log of [own, supervisor]) log.close();
  });

  it('acknowledges what is in the file, to each client its own lines, and nothing while the file cannot be written', async (t) => {
    const folder = path.join(dir, 'blocked');
    await fs.writeFile(folder, 'no folder');
    const file = path.join(folder, 'mailfarm.log');
    const running = await start(t, { file });
    const logs = [1, 2].map((n) => openLogger({ socket: running.socket, farm: 'router', worker: `router-${n}` }));
    t.after(() => logs.forEach((log) => log.close()));
    for (let n = 0; n < 100; n += 1) for (const log of logs) log.info('waits', { n });
    assert.deepEqual(await Promise.all(logs.map((log) => log.flush(200))), [false, false]);
    await fs.rm(folder);
    assert.deepEqual(await Promise.all(logs.map((log) => log.flush(20_000))), [true, true]);
    assert.equal((await readLines(file)).length, 200);
    logs[0]?.info('one more');
    assert.equal(await logs[0]?.flush(20_000), true);
    assert.equal((await readLines(file)).length, 201);
  });

  it('acknowledges also what it had to drop, so that nobody keeps it for ever', async (t) => {
    const folder = path.join(dir, 'dropping');
    await fs.writeFile(folder, 'no folder');
    const running = await start(t, { file: path.join(folder, 'mailfarm.log'), maxBacklog: 3000 });
    const log = openLogger({ socket: running.socket, farm: 'router', worker: 'router-1' });
    t.after(() => log.close());
    for (let n = 0; n < 200; n += 1) log.info('waits', { n });
    await waitFor(() => Number(running.role.stats()['dropped']) > 0);
    await fs.rm(folder);
    assert.equal(await log.flush(20_000), true);
  });

  it('is not held up by a client that never reads its answers', async (t) => {
    const running = await start(t);
    const deaf = await connect(t, running.socket);
    deaf.pause();
    const log = openLogger({ socket: running.socket, farm: 'router', worker: 'router-1' });
    t.after(() => log.close());
    for (let n = 0; n < 20; n += 1) {
      deaf.write(`{"event":"deaf","n":${n}}\n\n`);
      log.info('hears', { n });
      assert.equal(await log.flush(20_000), true);
    }
    await waitFor(async () => (await running.lines()).length === 40);
  });

  it('ends at its deadline although a client stays', async (t) => {
    const running = await start(t);
    await connect(t, running.socket);
    await running.role.drain(Date.now() + 50);
  });
});
