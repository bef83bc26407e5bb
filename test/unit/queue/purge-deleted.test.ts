/** The deleted queue by its names: who took what, in passes of bounded memory, and what goes for good when its time is over. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { deletedNames } from '../../../src/queue/deleted-names.ts';
import { moveToDeleted, restoreFromDeleted } from '../../../src/queue/deleted.ts';
import { createDisk, type Disk } from '../../../src/queue/disk.ts';
import { idOfHandle } from '../../../src/queue/handle.ts';
import {
  deletedPath,
  deletionMarkPath,
  folder,
  messagePath,
  statePath,
  type Layout,
} from '../../../src/queue/layout.ts';
import { purgeDeleted } from '../../../src/queue/purge-deleted.ts';
import { createIdSource } from '../../../src/queue/queue-id.ts';
import type { QueueId } from '../../../src/queue/store.ts';
import { walkDeleted, walkQueue } from '../../../src/queue/walk.ts';
import { commit, gather, makeEnvelope, openTestQueue, SPLIT, type TestQueue } from './support.ts';

const disk = createDisk();
const DAY = 86_400_000;
/** An operation of that long ago. */
const operationAt = (ms: number): QueueId => createIdSource(() => Date.now() - ms)();

function layoutOf(queue: TestQueue): Layout {
  return { root: queue.dir, split: SPLIT };
}

/** Deletes a new message that one of its two recipients got already. */
async function deleteOne(queue: TestQueue, operation?: QueueId): Promise<QueueId> {
  const handle = await commit(queue.store, 'x', makeEnvelope(['a@x', 'b@x']));
  await queue.store.moveToTree(handle);
  const id = idOfHandle(handle);
  writeFileSync(`${messagePath(layoutOf(queue), id)}.state`, '', { mode: 0o600 });
  await moveToDeleted({ disk, layout: layoutOf(queue) }, id, operation);
  return id;
}

interface Purged {
  readonly count: number;
  /** What happened, in order. */
  readonly steps: readonly string[];
}

interface How {
  /** The segments of the journal are settled before. */
  readonly settled?: boolean;
  readonly stopped?: () => boolean;
  /** Happens while the log is waited for; false: the log takes no lines. */
  readonly flush?: () => Promise<boolean>;
}

async function purge(queue: TestQueue, before: number, how: How = {}): Promise<Purged> {
  const { settled = true, stopped = () => false, flush = async () => true } = how;
  if (settled) settle(queue);
  const steps: string[] = [];
  const noted: Disk = {
    ...disk,
    unlink: async (path) => {
      steps.push(`unlink ${path.slice(queue.dir.length + 1)}`);
      await disk.unlink(path);
    },
    syncFolder: async (path) => {
      steps.push(`sync ${path.slice(queue.dir.length + 1)}`);
      await disk.syncFolder(path);
    },
  };
  const log = {
    info: (event: string, fields: Record<string, unknown> = {}) => void steps.push(`${event} ${String(fields['id'])}`),
    flush: () => (steps.push('flush'), flush()),
  };
  return { count: await purgeDeleted({ disk: noted, layout: layoutOf(queue), before, log, stopped }), steps };
}

/** All segments that there are go: what was in them has files of its own. */
function settle(queue: TestQueue): void {
  const journal = folder(layoutOf(queue), 'journal');
  for (const name of readdirSync(journal)) rmSync(`${journal}/${name}`);
}

function names(queue: TestQueue): readonly string[] {
  return readdirSync(folder(layoutOf(queue), 'deleted')).toSorted();
}

describe('the deleted queue', () => {
  it('tells each message once with its deletions, in passes of any size', async () => {
    await using queue = await openTestQueue();
    const [first, second] = [operationAt(2 * DAY), operationAt(DAY)];
    const ids: QueueId[] = [];
    for (let n = 0; n < 7; n += 1) ids.push(await deleteOne(queue, n % 2 === 0 ? first : second));
    // A mark that a crash left behind, and what somebody else put there.
    writeFileSync(deletionMarkPath(layoutOf(queue), ids[1] as QueueId, first), '');
    for (const name of ['note', '.x', `${ids[0]}.txt`])
      writeFileSync(`${folder(layoutOf(queue), 'deleted')}/${name}`, '');
    mkdirSync(`${folder(layoutOf(queue), 'deleted')}/folder`);
    for (const batch of [1, 2, 3, 100]) {
      const told = await gather(deletedNames(layoutOf(queue), batch));
      assert.deepEqual(
        told.map(({ id }) => id),
        ids,
        `passes of ${batch}`,
      );
      assert.deepEqual(told[0]?.operations, [first]);
      assert.deepEqual(told[1]?.operations, [first, second], 'the later one counts');
      assert.ok(told.every(({ message, companion }) => message && companion));
    }
    const of = async (operation: string): Promise<readonly string[]> =>
      (await gather(walkDeleted({ dir: queue.dir, split: SPLIT, operation }))).map(({ id }) => id);
    assert.deepEqual(await of(first), [ids[0], ids[2], ids[4], ids[6]]);
    assert.deepEqual(await of('last'), [ids[1], ids[3], ids[5]]);
    assert.deepEqual(await of(operationAt(0)), []);
  });

  it('forgets a deletion with its restoration', async () => {
    await using queue = await openTestQueue();
    const operation = operationAt(0);
    const id = await deleteOne(queue, operation);
    assert.deepEqual(names(queue), [id, `${id}.${operation}`, `${id}.state`]);
    await restoreFromDeleted({ disk, layout: layoutOf(queue) }, id, operation);
    assert.deepEqual(names(queue), []);
    assert.ok(existsSync(messagePath(layoutOf(queue), id)));
  });

  it('loses what is older than it is kept for: first the line, then the message, then its outcomes', async () => {
    await using queue = await openTestQueue();
    const operation = operationAt(2 * DAY);
    const id = await deleteOne(queue, operation);
    const unmarked = await deleteOne(queue);
    const { count, steps } = await purge(queue, Date.now() + DAY);
    assert.equal(count, 2);
    assert.deepEqual(steps, [
      `purged ${id}`,
      `purged ${unmarked}`,
      'flush',
      `unlink deleted/${id}`,
      `unlink deleted/${unmarked}`,
      'sync deleted',
      `unlink deleted/${id}.state`,
      `unlink deleted/${id}.${operation}`,
      `unlink deleted/${unmarked}.state`,
    ]);
    assert.deepEqual(names(queue), []);
  });

  it('keeps what is young by its deletion or by its name, what is on its way, and all of it when told to stop', async () => {
    await using queue = await openTestQueue();
    const young = await deleteOne(queue, operationAt(0));
    // Deleted for the second time at this moment: its new mark is still to come.
    const again = await deleteOne(queue, operationAt(9 * DAY));
    assert.equal((await purge(queue, Date.now() - DAY)).count, 0);
    const restored = await deleteOne(queue, operationAt(9 * DAY));
    await disk.link(deletedPath(layoutOf(queue), restored), messagePath(layoutOf(queue), restored));
    assert.equal((await purge(queue, Date.now() + DAY, { stopped: () => true })).count, 0);
    const { count } = await purge(queue, Date.now() + DAY);
    assert.equal(count, 2);
    assert.ok(!existsSync(deletedPath(layoutOf(queue), young)) && !existsSync(deletedPath(layoutOf(queue), again)));
    assert.ok(existsSync(deletedPath(layoutOf(queue), restored)), 'what is in the tree too is not deleted');
  });

  it('loses marks that a crash left without a message', async () => {
    await using queue = await openTestQueue();
    const [id, operation] = [operationAt(0), operationAt(9 * DAY)];
    writeFileSync(deletionMarkPath(layoutOf(queue), id, operation), '');
    assert.equal((await purge(queue, Date.now() - 10 * DAY)).count, 0);
    assert.equal(names(queue).length, 1);
    await purge(queue, Date.now() - DAY);
    assert.deepEqual(names(queue), []);
  });

  it('keeps what a segment may still hold: without its name there the record would count again', async () => {
    await using queue = await openTestQueue();
    const id = await deleteOne(queue, operationAt(2 * DAY));
    assert.deepEqual(await purge(queue, Date.now() + DAY, { settled: false }), { count: 0, steps: [] });
    assert.ok(names(queue).includes(id));
    assert.deepEqual(await gather(walkQueue({ dir: queue.dir, split: SPLIT })), []);
    settle(queue);
    // Begun long after the deletion.
    writeFileSync(`${folder(layoutOf(queue), 'journal')}/${operationAt(-DAY)}.acceptor-2`, '');
    assert.equal((await purge(queue, Date.now() + DAY, { settled: false })).count, 1);
    assert.deepEqual(names(queue), []);
  });

  it('looks again when the log has the lines: what was restored or deleted anew meanwhile stays', async () => {
    await using queue = await openTestQueue();
    const layout = layoutOf(queue);
    const old = operationAt(2 * DAY);
    const [restored, again, marked, gone] = [
      await deleteOne(queue, old),
      await deleteOne(queue, old),
      await deleteOne(queue, old),
      await deleteOne(queue, old),
    ];
    const before = Date.now() + DAY;
    const late = operationAt(-2 * DAY);
    const { count } = await purge(queue, before, {
      flush: async () => {
        await restoreFromDeleted({ disk, layout }, restored, old);
        await restoreFromDeleted({ disk, layout }, again, old);
        await moveToDeleted({ disk, layout }, again, late);
        writeFileSync(deletionMarkPath(layout, marked, late), '');
        return true;
      },
    });
    assert.equal(count, 1);
    assert.ok(existsSync(messagePath(layout, restored)) && existsSync(statePath(layout, restored)));
    for (const id of [again, marked]) {
      for (const path of [deletedPath(layout, id), deletedPath(layout, id, true), deletionMarkPath(layout, id, late)])
        assert.ok(existsSync(path), path);
    }
    assert.ok(!names(queue).some((name) => name.startsWith(gone)));
  });

  it('keeps what a segment that came back may hold', async () => {
    await using queue = await openTestQueue();
    const id = await deleteOne(queue, operationAt(2 * DAY));
    const segment = `${folder(layoutOf(queue), 'journal')}/${operationAt(3 * DAY)}.acceptor-1`;
    const { count } = await purge(queue, Date.now() + DAY, {
      flush: async () => (writeFileSync(segment, ''), true),
    });
    assert.equal(count, 0);
    assert.ok(existsSync(deletedPath(layoutOf(queue), id)) && existsSync(deletedPath(layoutOf(queue), id, true)));
  });

  it('ends when the log takes no lines, and goes on at the next look', async () => {
    await using queue = await openTestQueue();
    for (let n = 0; n < 201; n += 1) await deleteOne(queue, operationAt(2 * DAY));
    const all = names(queue);
    const { count, steps } = await purge(queue, Date.now() + DAY, { flush: async () => false });
    assert.deepEqual([count, steps.filter((step) => step === 'flush').length], [0, 1]);
    assert.deepEqual(names(queue), all);
    assert.equal((await purge(queue, Date.now() + DAY)).count, 201);
  });

  it('loses outcomes that a crash left without a message, but for those of a message in the tree', async () => {
    await using queue = await openTestQueue();
    const layout = layoutOf(queue);
    const [lost, here] = [operationAt(0), idOfHandle(await commit(queue.store, 'x', makeEnvelope(['a@x'])))];
    mkdirSync(messagePath(layout, here).slice(0, -here.length - 1), { recursive: true });
    for (const path of [messagePath(layout, here), deletedPath(layout, here, true), deletedPath(layout, lost, true)])
      writeFileSync(path, '');
    await purge(queue, Date.now() - DAY);
    assert.equal(names(queue).length, 2);
    await purge(queue, Date.now() + DAY);
    assert.deepEqual(names(queue), [`${here}.state`]);
  });
});
