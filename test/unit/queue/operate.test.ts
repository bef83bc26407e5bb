import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { QueueOperator, holdRecipients } from '../../../src/queue/operate.ts';
import type { Layout } from '../../../src/queue/layout.ts';
import type { QueuedMessage } from '../../../src/queue/queued-message.ts';
import { QueueWalk, walkDeleted, walkQueue } from '../../../src/queue/walk.ts';
import { commit, contentOf, gather, makeEnvelope, openTestQueue, SPLIT, type TestQueue } from './support.ts';

const A = 'a@x.example';
const B = 'b@x.example';
const hop = { channel: 'smtp', next: 'mx:x' } as const;
const reply = { code: 554, status: '5.7.0', text: 'returned by an operator' };

interface Desk {
  readonly layout: Layout;
  readonly operator: QueueOperator;
  /** The one message in the queue, as a fresh walk sees it. */
  readonly look: () => Promise<QueuedMessage>;
}

function open(queue: TestQueue): Desk {
  const layout = { root: queue.dir, split: SPLIT };
  return {
    layout,
    operator: new QueueOperator(queue.store, layout),
    async look() {
      const [message] = await gather(walkQueue({ dir: queue.dir, split: SPLIT }));
      assert.ok(message);
      return message;
    },
  };
}

const states = ({ where, recipients }: QueuedMessage): string =>
  `${where}: ${recipients.map((one) => one.state).join(' ')}`;

for (const [where, content] of [
  ['a journal', 'small'],
  ['the tree', 'x'.repeat(20_000)],
] as const) {
  describe(`an operator, on a message in ${where}`, () => {
    it('holds and releases it, durably', async () => {
      await using queue = await openTestQueue();
      const { operator, look } = open(queue);
      await commit(queue.store, content, makeEnvelope([A, B]));
      const held = await operator.hold(await look(), 'by hand');
      assert.equal(states(held), 'tree: held held');
      assert.deepEqual((await look()).recipients, held.recipients);
      assert.equal(held.recipients[0]?.why, 'by hand');
      await operator.release(held);
      assert.equal(states(await look()), 'tree: waiting waiting');
    });

    it('releases every recipient into the state it had', async () => {
      await using queue = await openTestQueue();
      const { operator, look } = open(queue);
      const handle = await commit(queue.store, content, makeEnvelope([A, B]));
      const later = { state: 'deferred', recipients: [A], at: 1, until: 9e12, attempts: 2, hop } as const;
      await queue.store.record(handle, [later, { state: 'failed', recipients: [B], at: 1, attempts: 1, reply }]);
      const { recipients } = await look();
      const held = await operator.hold(await look(), 'by hand');
      assert.equal(states(held), 'tree: held held');
      assert.deepEqual((await operator.release(held)).recipients, recipients);
      assert.deepEqual((await look()).recipients, recipients);
    });

    it('lets it be tried at once, or gives it back to its sender', async () => {
      await using queue = await openTestQueue();
      const { operator, look } = open(queue);
      const handle = await commit(queue.store, content, makeEnvelope([A, B]));
      const later = { state: 'deferred', recipients: [A], at: 1, until: 9e12, attempts: 2, hop } as const;
      await queue.store.record(handle, [later, { state: 'delivered', recipients: [B], at: 1 }]);
      const before = Date.now();
      const [retried] = (await operator.retry(await look())).recipients;
      assert.ok((retried?.until ?? 9e12) >= before && (retried?.until ?? 9e12) <= Date.now());
      assert.deepEqual(
        [retried?.attempts, retried?.hop],
        [0, undefined],
        'as if for the first time, by the routes of today',
      );
      assert.deepEqual((await look()).recipients[0], retried, 'durably');
      await operator.bounce(await look(), reply);
      const { recipients } = await look();
      assert.deepEqual(
        recipients.map(({ address, state, reply: last }) => [address, state, last?.code]),
        [[A, 'failed', 554]],
      );
    });

    it('retries the report of what failed, and not what failed', async () => {
      await using queue = await openTestQueue();
      const { operator, look } = open(queue);
      const handle = await commit(queue.store, content, makeEnvelope([A, B]));
      const bounce = { channel: 'bounce', next: '' } as const;
      await queue.store.record(handle, [
        { state: 'failed', recipients: [A], at: 1, attempts: 1, reply },
        { state: 'deferred', recipients: [A], at: 2, until: 9e12, attempts: 1, hop: bounce, reply },
        { state: 'deferred', recipients: [B], at: 1, until: 9e12, attempts: 2, hop },
      ]);
      await operator.retry(await look());
      const { recipients } = await look();
      assert.deepEqual(
        recipients.map((one) => [one.address, one.hop, (one.until ?? 9e12) <= Date.now()]),
        [
          [A, bounce, true],
          [B, undefined, true],
        ],
      );
    });

    it('deletes it, and brings it back as it was', async () => {
      await using queue = await openTestQueue();
      const { operator, look } = open(queue);
      const handle = await commit(queue.store, content, makeEnvelope([A, B]));
      await queue.store.record(handle, [{ state: 'delivered', recipients: [A], at: 1 }]);
      const message = await look();
      await operator.delete(message);
      const [deleted] = await gather(walkDeleted({ dir: queue.dir, split: SPLIT }));
      assert.equal(deleted && states(deleted), 'deleted: waiting');
      await operator.restore(deleted!);
      const back = await look();
      assert.deepEqual(
        back.recipients.map(({ address }) => address),
        [B],
      );
      assert.equal(await contentOf(queue.store, back.handle), content);
    });

    it('or a stage holds some recipients of it, and the others go on', async () => {
      await using queue = await openTestQueue();
      const { layout, look } = open(queue);
      const handle = await commit(queue.store, content, makeEnvelope([A, B]));
      await holdRecipients({ store: queue.store, layout }, handle, { recipients: [A], why: 'a suspect' });
      assert.equal(states(await look()), 'tree: held waiting');
      await assert.rejects(
        holdRecipients({ store: queue.store, layout }, '../../x' as never, { recipients: [A], why: '' }),
        TypeError,
      );
    });
  });
}

describe('a walk after an operation', () => {
  it('tells the message once', async () => {
    await using queue = await openTestQueue();
    const { operator, look } = open(queue);
    await commit(queue.store, 'small');
    await operator.hold(await look(), 'x');
    const walk = new QueueWalk({ dir: queue.dir, split: SPLIT });
    await walk.readOutcomes();
    assert.equal((await gather(walk.tree())).length, 1);
    assert.equal((await gather(walkQueue({ dir: queue.dir, split: SPLIT }))).length, 1);
  });
});
