/** Commands on the queue of a farm whose scheduler ends while they work. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { EX } from '../../../../src/base/sysexits.ts';
import { beginFarm } from '../farm-fixture.ts';
import { makeQueue } from '../queue-fixture.ts';

test('a command leaves alone what it did not begin before the scheduler ended', async (t) => {
  const queue = makeQueue();
  for (let i = 0; i < 20; i += 1) await queue.plant();
  await beginFarm(t, queue, (peer) => {
    peer.onFrame = (frame) => {
      if (frame.t === 'claim') peer.send({ t: 'claimed', n: frame.n, ids: frame.ids, busy: [], unknown: [] });
      if (frame.t === 'forget') peer.close();
    };
  });
  const ran = await queue.queue('delete', '--all');
  assert.equal(ran.status, EX.TEMPFAIL, ran.stdout + ran.stderr);
  assert.match(ran.stdout, /left alone: the scheduler of the farm ended/);
  const deleted = readdirSync(path.join(queue.var, 'queue/deleted')).filter((name) => !name.includes('.'));
  assert.ok(deleted.length < 20, `${deleted.length} deleted`);
});
