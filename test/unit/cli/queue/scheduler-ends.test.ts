/** Commands on the queue of a farm whose scheduler ends while they work. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { EX } from '../../../../src/base/sysexits.ts';
import { loadConfig } from '../../../../src/config/load.ts';
import { makeHello } from '../../../../src/ipc/hello.ts';
import { listenForPeers } from '../../../../src/ipc/listen.ts';
import { serveControl } from '../../../../src/supervisor/control-server.ts';
import { makeQueue } from '../queue-fixture.ts';

test('a command leaves alone what it did not begin before the scheduler ended', async (t) => {
  const queue = makeQueue();
  for (let i = 0; i < 20; i += 1) await queue.plant();
  mkdirSync(path.join(queue.var, 'run'));
  const loaded = await loadConfig({ etcDir: queue.etc, varDir: queue.var, set: [] });
  assert.ok(loaded.ok);
  writeFileSync(path.join(queue.var, 'run/config.json'), JSON.stringify(loaded.config));
  const control = await serveControl({
    path: path.join(queue.var, 'run/control.sock'),
    answer: async () => ({ ok: true }),
    onError: () => undefined,
  });
  const scheduler = await listenForPeers({
    path: path.join(queue.var, loaded.config.farms.scheduler.socket),
    self: makeHello({ farm: 'scheduler', worker: 'scheduler-1' }),
    onPeer: (peer) => {
      peer.onFrame = (frame) => {
        if (frame.t === 'claim') peer.send({ t: 'claimed', n: frame.n, ids: frame.ids, busy: [], unknown: [] });
        if (frame.t === 'forget') peer.close();
      };
    },
  });
  t.after(() => scheduler.close());
  t.after(() => void control.close());
  const ran = await queue.queue('delete', '--all');
  assert.equal(ran.status, EX.TEMPFAIL, ran.stdout + ran.stderr);
  assert.match(ran.stdout, /left alone: the scheduler of the farm ended/);
  const deleted = readdirSync(path.join(queue.var, 'queue/deleted')).filter((name) => !name.includes('.'));
  assert.ok(deleted.length < 20, `${deleted.length} deleted`);
});
