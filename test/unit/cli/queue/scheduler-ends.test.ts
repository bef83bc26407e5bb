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

test('a deletion that is done is told as done though the farm did not hear of it', async (t) => {
  const queue = makeQueue();
  const id = await queue.plant();
  await beginFarm(t, queue, (peer) => {
    peer.onFrame = (frame) => {
      if (frame.t === 'claim') peer.send({ t: 'claimed', n: frame.n, ids: frame.ids, busy: [], unknown: [] });
      if (frame.t === 'forget') peer.close();
    };
  });
  const ran = await queue.queue('delete', id);
  assert.match(ran.stdout, new RegExp(`^${id}  moved to the deleted queue\n1 message moved .*\nto undo it: `));
  assert.equal(ran.status, EX.OK, ran.stderr);
  assert.equal((await queue.list('--operation', 'last')).length, 1);
});

test('a deletion that ends early tells what it did, and how to undo it', async (t) => {
  const queue = makeQueue();
  await queue.plantAll(Array.from({ length: 101 }, () => ({})));
  await beginFarm(t, queue, (peer) => {
    let claims = 0;
    peer.onFrame = (frame) => {
      if (frame.t === 'forget') peer.send({ t: 'taken', n: frame.n });
      if (frame.t !== 'claim') return;
      claims += 1;
      if (claims > 1) peer.close();
      else peer.send({ t: 'claimed', n: frame.n, ids: frame.ids, busy: [], unknown: [] });
    };
  });
  const ran = await queue.queue('delete', '--all', '--quiet');
  assert.equal(ran.status, EX.TEMPFAIL);
  const told = /^100 messages moved to the deleted queue\nto undo it: queue restore --operation (\S+)\n$/.exec(
    ran.stdout,
  );
  assert.ok(told?.[1], ran.stdout);
  assert.equal((await queue.list('--operation', told[1])).length, 100);
});
