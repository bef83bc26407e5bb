/** What a drill leaves in the queue is taken out, and no deletion of an operator is hidden by that. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Output } from '../../../../../src/cli/common/context.ts';
import { deleteDrillMail } from '../../../../../src/cli/mailfarm/drill/leftovers.ts';
import { loadConfig } from '../../../../../src/config/load.ts';
import { drillAddress } from '../../../../../src/mail/drill-address.ts';
import { beginFarm } from '../../farm-fixture.ts';
import { makeQueue } from '../../queue-fixture.ts';

test('what a drill deletes is no operation', async (t) => {
  const queue = makeQueue();
  const run = '0123456789abcdef'.repeat(2);
  const [own = '', mine = ''] = await queue.plantAll([{ to: [drillAddress(run)] }, {}]);
  assert.equal((await queue.queue('delete', mine)).status, 0);
  await beginFarm(t, queue, (peer) => {
    peer.onFrame = (frame) => {
      if (frame.t === 'claim') peer.send({ t: 'claimed', n: frame.n, ids: frame.ids, busy: [], unknown: [] });
      if (frame.t === 'forget') peer.send({ t: 'taken', n: frame.n });
    };
  });
  const loaded = await loadConfig({ etcDir: queue.etc, varDir: queue.var, set: [] });
  assert.ok(loaded.ok);
  const out = new Output(process.stdout);
  // As every command, it works in var.
  const before = process.cwd();
  process.chdir(queue.var);
  t.after(() => process.chdir(before));
  const context = { argv: [], env: {}, cwd: queue.var, stdin: process.stdin, out, err: out };
  assert.deepEqual(await deleteDrillMail(context, loaded.config, run), new Set());
  const ids = async (...args: readonly string[]): Promise<readonly string[]> =>
    (await queue.list(...args)).map(({ id }) => id);
  assert.deepEqual(await ids('--operation', 'last'), [mine]);
  assert.deepEqual(await ids('--state', 'deleted'), [own, mine].toSorted());
});
