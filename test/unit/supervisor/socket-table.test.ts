/** Sockets whose files somebody removed. */
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadConfig } from '../../../src/config/load.ts';
import { SocketTable } from '../../../src/supervisor/socket-table.ts';
import { makeTemp } from '../../support/temp.ts';

interface Owner {
  uid: number;
  gid: number;
}

/** A table whose configuration names sockets below a fresh `var`, which is the working folder from now on, as the supervisor's is. */
async function openTable(): Promise<{ table: SocketTable; router: string; owner: Owner }> {
  const varDir = makeTemp('sockets');
  mkdirSync(join(varDir, 'run'));
  process.chdir(varDir);
  const set = ['listen=[{address: "unix:run/mail.sock"}, {address: "127.0.0.1:0"}]'];
  const loaded = await loadConfig({ etcDir: makeTemp('etc'), varDir, set });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const table = new SocketTable({ listen: true, owner });
  assert.equal(table.adopt(loaded.config), undefined);
  return { table, router: loaded.config.farms.router.socket, owner };
}

describe('a socket whose file is gone', () => {
  it('is bound anew, and no other one', async () => {
    const { table, router } = await openTable();
    assert.deepEqual([...table.restore().restored], []);
    const before = table.forFarm('acceptor').get('listen:1');
    rmSync(router);
    const { restored, problems } = table.restore();
    assert.deepEqual([[...restored], problems], [['router'], []]);
    assert.ok(lstatSync(router).isSocket());
    assert.equal(table.forFarm('acceptor').get('listen:1'), before);
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

  it('is given to nobody while it cannot be bound, and comes back when it can', async () => {
    const { table, router, owner } = await openTable();
    const { uid } = owner;
    rmSync(router);
    rmSync('run/mail.sock');
    // No user's number: the new sockets can be given to nobody.
    owner.uid = 2 ** 33;
    for (const _ of [1, 2]) {
      assert.equal(table.restore().problems.length, 2);
      assert.deepEqual([...table.forFarm('router').keys()], []);
      assert.deepEqual([...table.forFarm('acceptor').keys()], ['listen:1'], 'the other listener is served');
    }
    owner.uid = uid;
    assert.deepEqual([...table.restore().restored].toSorted(), ['acceptor', 'router']);
    assert.deepEqual([...table.forFarm('acceptor').keys()], ['listen:0', 'listen:1']);
    assert.ok(lstatSync(router).isSocket());
    assert.deepEqual(table.restore().problems, []);
  });
});
