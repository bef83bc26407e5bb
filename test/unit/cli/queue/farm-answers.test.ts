/** Selectors that ask the running farm, when it does not answer, or not of all messages: what is not meant is never touched. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { EX } from '../../../../src/base/sysexits.ts';
import type { WherePart } from '../../../../src/ipc/insight.ts';
import { beginFarm } from '../farm-fixture.ts';
import { makeQueue, type QueueFixture } from '../queue-fixture.ts';

/** A scheduler that lends messages out, and tells of what is asked for what `tell` says, or refuses to. */
async function openQueue(
  t: TestContext,
  tell: (ids: readonly string[]) => readonly WherePart[] | undefined,
): Promise<QueueFixture> {
  const queue = makeQueue();
  await beginFarm(t, queue, (peer) => {
    peer.onFrame = (frame) => {
      if (frame.t === 'claim') peer.send({ t: 'claimed', n: frame.n, ids: frame.ids, busy: [], unknown: [] });
      if (frame.t === 'forget') peer.send({ t: 'taken', n: frame.n });
      if (frame.t !== 'where?') return;
      const parts = tell(frame.ids);
      peer.send(parts ? { t: 'where', n: frame.n, parts } : { t: 'refused', n: frame.n, why: 'not now' });
    };
  });
  return queue;
}

test('a farm that does not answer ends a verb that needs its answer', async (t) => {
  const queue = await openQueue(t, () => undefined);
  const id = await queue.plant();
  for (const args of [
    ['--not', 'hop=mx:b.example'],
    ['--not', 'reply=5*'],
    ['--hop', '*'],
  ]) {
    for (const more of [['--dry-run'], ['--yes']]) {
      const ran = await queue.queue('delete', '--all', ...args, ...more);
      assert.deepEqual([ran.status, ran.stdout], [EX.TEMPFAIL, ''], args.join(' '));
      assert.match(ran.stderr, /^queue: the scheduler of the farm does not answer, and .*: try again\n$/);
    }
  }
  assert.deepEqual(
    (await queue.list('--not', 'hop=mx:b.example')).map((one) => one.id),
    [id],
    'reading goes by the files',
  );
});

test('what the farm does not tell of stays out of --not', async (t) => {
  const hop = { channel: 'smtp', next: 'mx:a.example' } as const;
  let known = '';
  const queue = await openQueue(t, (ids) =>
    ids.filter((id) => id === known).map((id) => ({ id, hop, to: ['bob@example.net'] })),
  );
  for (const not of ['hop=mx:b.example', 'reply=5*']) {
    const [first = '', other = ''] = await queue.plantAll([{}, {}]);
    known = first;
    const ran = await queue.queue('delete', '--id', first, '--id', other, '--not', not);
    assert.match(ran.stdout, new RegExp(`^${first}  moved to the deleted queue\n1 message moved`), ran.stderr);
    assert.deepEqual((await queue.list(other)).length, 1, not);
  }
});
