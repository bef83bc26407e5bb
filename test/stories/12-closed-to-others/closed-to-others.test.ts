/** What other users of the machine may do with a farm: nothing. Its sockets and its mail are in folders of mode 0700. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startFarm } from '../../support/farm.ts';
import { ROOT as CODE } from '../../support/run.ts';
import { sendMail } from '../../support/send-mail.ts';

const ROOT = userInfo().uid === 0;
/** Nobody runs anything as this. */
const STRANGER = 54_321;

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

describe('other users', () => {
  it('find every folder closed, and every file below it', async () => {
    await using farm = await startFarm({ set: ['domains.local=[localhost]'] });
    await sendMail({ port: farm.port, to: ['anna@localhost'] });
    await farm.drained();
    for (const folder of ['run', 'queue', 'log', 'mail']) assert.equal(modeOf(join(farm.var, folder)), '700', folder);
    const below = readdirSync(farm.var, { recursive: true, encoding: 'utf8' });
    for (const name of below) {
      const stat = statSync(join(farm.var, name), { throwIfNoEntry: false });
      assert.equal((stat?.mode ?? 0) & 0o077, 0, `${name} is open to others`);
    }
  });

  it('are refused at every socket', { skip: ROOT ? false : 'only root can be somebody else' }, async (t) => {
    await using farm = await startFarm();
    const sockets = readdirSync(join(farm.var, 'run')).filter((name) => name.endsWith('.sock'));
    assert.ok(sockets.length >= 8, sockets.join());
    const script = `
      const net = require('node:net');
      const socket = net.connect(process.argv[1]);
      socket.on('connect', () => (console.log('connected'), process.exit()));
      socket.on('error', (error) => (console.log(error.code), process.exit()));`;
    for (const name of sockets) {
      const ran = spawnSync(process.execPath, ['-e', script, join(farm.var, 'run', name)], {
        uid: STRANGER,
        gid: STRANGER,
        cwd: '/',
      });
      if (ran.error !== undefined) return t.skip('the checkout is closed to other users');
      assert.equal(ran.stdout.toString().trim(), 'EACCES', `${name}: ${ran.stderr.toString()}`);
    }
  });

  it('hear from the commands why', { skip: ROOT ? false : 'only root can be somebody else' }, async (t) => {
    await using farm = await startFarm();
    for (const [name, verb] of [
      ['mailfarm', 'status'],
      ['queue', 'list'],
    ] as const) {
      const ran = spawnSync(join(CODE, 'bin', name), [verb, '--var', farm.var], {
        uid: STRANGER,
        gid: STRANGER,
        cwd: '/',
      });
      if (ran.error !== undefined || ran.status === 126) return t.skip('the checkout is closed to other users');
      assert.match(ran.stderr.toString(), /^\w+: .* (?:is closed to|may not be entered by) this user.*\n$/);
      assert.equal(ran.status, 77);
    }
  });
});

describe('a farm started as root', { skip: ROOT ? false : 'needs root' }, () => {
  it('runs its workers as somebody else, who owns all that they write', async (t) => {
    await using farm = await startFarm({ listen: ['127.0.0.1:0'], set: ['domains.local=[localhost]'] });
    const uids = farm.workers().map((worker) => statSync(`/proc/${worker.pid}`).uid);
    if (uids.every((uid) => uid === 0)) return t.skip('the checkout is closed to other users');
    assert.equal(new Set(uids).size, 1, 'all are the same user');
    assert.notEqual(uids[0], 0);
    await sendMail({ port: farm.port, to: ['anna@localhost'] });
    await farm.drained();
    assert.equal(statSync(join(farm.var, 'mail', 'localhost', 'anna', 'new')).uid, uids[0]);
  });
});
