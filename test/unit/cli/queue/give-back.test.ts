/** What a command worked on goes back to the farm in one step: nothing is lost with a command that ends at the worst moment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectFarm } from '../../../../src/cli/queue/live.ts';
import type { Config } from '../../../../src/config/config.ts';
import { makeHello } from '../../../../src/ipc/hello.ts';
import { listenForPeers } from '../../../../src/ipc/listen.ts';
import type { RecipientState } from '../../../../src/queue/fold.ts';
import { treeHandle } from '../../../../src/queue/handle.ts';
import type { QueueId } from '../../../../src/queue/store.ts';
import type { QueuedMessage } from '../../../../src/queue/queued-message.ts';
import { serveRequests } from '../../../../src/scheduler/requests.ts';
import { makeTemp } from '../../../support/temp.ts';
import { waitFor } from '../../../support/wait.ts';
import { makeEnvelope } from '../../queue/support.ts';
import { HOP, openRig, routed } from '../../scheduler/support.ts';

const DUE = Date.now() + 1e6;
const DEFERRED: RecipientState = { address: 'a@x', state: 'deferred', attempts: 1, until: DUE, hop: HOP };

function messageOf(id: QueueId, recipient: RecipientState): QueuedMessage {
  return {
    id,
    handle: treeHandle(id),
    where: 'tree',
    envelope: makeEnvelope(['a@x']),
    size: 1,
    recipients: [recipient],
  };
}

test('a message is at work, or still claimed, from the moment that the scheduler forgot what it was', async (t) => {
  await using rig = await openRig();
  const { conductor, segments, index, claims, books } = rig;
  const folder = makeTemp('give-back');
  const scheduler = await listenForPeers({
    path: `${folder}/scheduler`,
    self: makeHello({ farm: 'scheduler', worker: 'scheduler-1-test' }),
    onPeer: (peer) =>
      serveRequests(peer, { conductor, claims, segments, index, audit: { books }, onEvent: () => undefined }),
  });
  t.after(() => scheduler.close());
  const router = await listenForPeers({
    path: `${folder}/router`,
    self: makeHello({ farm: 'router', worker: 'router-1-test' }),
    onPeer: (peer) => {
      peer.onFrame = (frame) => 'n' in frame && peer.send({ t: 'refused', n: frame.n, why: 'it ends' });
    },
  });
  t.after(() => router.close());
  const farms = { scheduler: { socket: `${folder}/scheduler` }, router: { socket: `${folder}/router` } };
  const farm = await connectFarm({ farms } as unknown as Config);
  const parts = [{ hop: HOP, to: ['a@x'], until: DUE }];
  const [tried, untried] = [routed([], { parts }), routed([], { parts })];
  for (const frame of [tried, untried]) conductor.take(frame);
  const waiting: RecipientState = { address: 'a@x', state: 'waiting', attempts: 0 };
  const messages = [messageOf(tried.id, DEFERRED), messageOf(untried.id, waiting)];
  assert.equal((await farm.take(messages)).ours.size, 2);
  for (const message of messages) await farm.giveBack(message.id, message, false);
  assert.deepEqual([index.hasId(tried.id), conductor.ledger.claimed.has(untried.id)], [true, true]);
  await farm.close();
  await waitFor(() => index.hasId(untried.id), { what: 'what no router took' });
});
