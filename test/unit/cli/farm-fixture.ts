/** A farm for commands, as far as they see one: a supervisor that answers, and a scheduler that does as the test says. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { loadConfig } from '../../../src/config/load.ts';
import { makeHello } from '../../../src/ipc/hello.ts';
import { listenForPeers } from '../../../src/ipc/listen.ts';
import type { Peer } from '../../../src/ipc/peer.ts';
import { serveControl } from '../../../src/supervisor/control-server.ts';
import type { QueueFixture } from './queue-fixture.ts';

/** It ends with the test. */
export async function beginFarm(t: TestContext, queue: QueueFixture, onPeer: (peer: Peer) => void): Promise<void> {
  mkdirSync(path.join(queue.var, 'run'));
  const loaded = await loadConfig({ etcDir: queue.etc, varDir: queue.var, set: [] });
  if (!loaded.ok) throw new Error('the configuration of the test is refused');
  writeFileSync(path.join(queue.var, 'run/config.json'), JSON.stringify(loaded.config));
  const control = await serveControl({
    path: path.join(queue.var, 'run/control.sock'),
    answer: async () => ({ ok: true }),
    onError: () => undefined,
  });
  t.after(() => void control.close());
  const scheduler = await listenForPeers({
    path: path.join(queue.var, loaded.config.farms.scheduler.socket),
    self: makeHello({ farm: 'scheduler', worker: 'scheduler-1' }),
    onPeer,
  });
  t.after(() => scheduler.close());
}
