/** The bound sockets: those whose files somebody removed, and those of a reload. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { lstatSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { SocketTable } from '../../../src/supervisor/socket-table.ts';
import { makeTemp } from '../../support/temp.ts';

/** A table whose configuration names sockets below a fresh `var`, which is the working folder from now on, as the supervisor's is. */
async function openTable(): Promise<{
  readonly table: SocketTable;
  readonly router: string;
  readonly load: (set: readonly string[]) => Promise<Config>;
}> {
  const varDir = makeTemp('sockets');
  const etcDir = makeTemp('etc');
  mkdirSync(join(varDir, 'run'));
  process.chdir(varDir);
  const load = async (set: readonly string[]): Promise<Config> => {
    const loaded = await loadConfig({ etcDir, varDir, set });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    return loaded.config;
  };
  const config = await load(['listen=[{address: "unix:run/mail.sock"}, {address: "127.0.0.1:0"}]']);
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const table = new SocketTable({ listen: true, owner });
  assert.equal(table.adopt(config), undefined);
  return { table, router: config.farms.router.socket, load };
}

describe('a socket whose file is gone', () => {
  it('is bound anew, and no other one', async () => {
    const { table, router } = await openTable();
    assert.deepEqual([...table.restore().restored], []);
    const before = table.forFarm('acceptor').get('listen:127.0.0.1:0 0');
    rmSync(router);
    const { restored, problems } = table.restore();
    assert.deepEqual([[...restored], problems], [['router'], []]);
    assert.ok(lstatSync(router).isSocket());
    assert.equal(table.forFarm('acceptor').get('listen:127.0.0.1:0 0'), before);
    assert.notEqual(table.forFarm('router').get('farm'), undefined);
  });

  it('stays ours where somebody put another file in its place, which stays his', async () => {
    const { table, router } = await openTable();
    const before = table.forFarm('router').get('farm');
    rmSync(router);
    writeFileSync(router, 'precious');
    assert.match(table.restore().problems.join(), /is there and is no socket/);
    assert.equal(table.forFarm('router').get('farm'), before);
    assert.equal(readFileSync(router, 'utf8'), 'precious');
    rmSync(router);
    assert.deepEqual([...table.restore().restored], ['router']);
  });

  it('is bound when it can be', async () => {
    const { table, router } = await openTable();
    rmSync(router);
    // The name under which it is made is taken.
    mkdirSync(`${router}.new`);
    for (const _ of [1, 2]) assert.equal(table.restore().problems.length, 1);
    rmdirSync(`${router}.new`);
    assert.deepEqual([...table.restore().restored], ['router']);
    assert.ok(lstatSync(router).isSocket());
    assert.deepEqual(table.restore().problems, []);
  });
});

describe('sockets of listeners', () => {
  it('are known by their addresses, so that none gets the rules of another in whatever order they stand', async () => {
    const { table, load } = await openTable();
    const before = table.forFarm('acceptor');
    const names = ['127.0.0.1:0 0', `unix:${process.cwd()}/run/mail.sock 0`].map((key) => `listen:${key}`);
    assert.deepEqual([...before.keys()].toSorted(), names);
    const turned = await load(['listen=[{address: "127.0.0.1:0"}, {address: "unix:./run/mail.sock"}]']);
    assert.equal(table.adopt(turned), undefined);
    assert.deepEqual(table.forFarm('acceptor'), before);
    assert.match(table.addresses()[0] ?? '', /^127/, 'in the order of the configuration');
  });

  it('go with their files, and with nobody else’s', async () => {
    const { table, load } = await openTable();
    const other = await load(['listen=[{address: "unix:run/other.sock"}]']);
    assert.equal(table.adopt(other), undefined);
    assert.equal(lstatSync('run/mail.sock', { throwIfNoEntry: false }), undefined);
    rmSync('run/other.sock');
    writeFileSync('run/other.sock', 'precious');
    assert.equal(table.adopt(await load(['listen=[]'])), undefined);
    assert.equal(readFileSync('run/other.sock', 'utf8'), 'precious');
  });

  it('say what to do where this farm itself has the port', async () => {
    const { table, load } = await openTable();
    assert.equal(table.adopt(await load(['listen=[{address: "127.0.0.1:0"}]'])), undefined);
    const port = table.addresses()[0]?.split(':')[1];
    const [fd = 0] = table.forFarm('acceptor').values();
    const server = net.createServer().listen({ fd });
    await once(server, 'listening');
    const problem = table.adopt(await load([`listen=[{address: "0.0.0.0:${port}"}]`]));
    server.close();
    assert.match(problem?.text ?? '', /this farm listens at 127\.0\.0\.1:\d+.*stop the farm/);
  });
});
