import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { moveToDeleted } from '../../../src/queue/deleted.ts';
import { createDisk, type Disk } from '../../../src/queue/disk.ts';
import { idOfHandle } from '../../../src/queue/handle.ts';
import { deletedPath, messagePath, type Layout } from '../../../src/queue/layout.ts';
import { commit, contentOf, openTestQueue, SPLIT, type TestQueue } from './support.ts';

const disk = createDisk();
const layoutOf = (queue: TestQueue): Layout => ({ root: queue.dir, split: SPLIT });

describe('moving a message of a journal into the tree', () => {
  it('is done whole by each of two that move parts of it at the same time', async () => {
    let first = (): void => undefined;
    const syncing = new Promise<void>((resolve) => (first = resolve));
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const written: string[] = [];
    const watched: Disk = {
      ...disk,
      create: (path) => {
        if (path.includes('/queue/tmp/')) written.push(path);
        return disk.create(path);
      },
      // The first one's file is durable when the second one's is made, and empty.
      datasync: async (file) => {
        await disk.datasync(file);
        if (written.length === 0) return;
        first();
        await held;
      },
      writeAt: async (file, buffers, position) => {
        if (written.length === 2) {
          goOn();
          await one;
        }
        return disk.writeAt(file, buffers, position);
      },
    };
    await using queue = await openTestQueue({ disk: watched });
    const handle = await commit(queue.store, 'Subject: x\r\n\r\nbody\r\n');
    const path = messagePath(layoutOf(queue), idOfHandle(handle));
    const one = queue.store.moveToTree(handle);
    await syncing;
    const two = queue.store.moveToTree(handle);
    assert.equal(await one, true);
    assert.match(readFileSync(path, 'latin1'), /\r\n\r\nbody\r\n$/);
    assert.equal(await two, true);
    assert.deepEqual(readdirSync(`${queue.dir}/tmp`), []);
  });

  it('leaves nothing behind when the disk is full', async () => {
    let full = false;
    const writeAt: Disk['writeAt'] = (...args) =>
      full ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) : disk.writeAt(...args);
    await using queue = await openTestQueue({ disk: { ...disk, writeAt } });
    const handle = await commit(queue.store, 'x');
    full = true;
    await assert.rejects(queue.store.moveToTree(handle), /full/);
    full = false;
    assert.deepEqual(readdirSync(`${queue.dir}/tmp`), []);
  });

  it('does not bring back what an operator deletes at the same time', async () => {
    let between: (() => Promise<void>) | undefined;
    const link: Disk['link'] = async (from, to) => {
      await between?.();
      return disk.link(from, to);
    };
    await using queue = await openTestQueue({ disk: { ...disk, link } });
    await using operator = await openTestQueue({ dir: queue.dir, worker: 'queue-1-test' });
    const handle = await commit(queue.store, 'x');
    const [layout, id] = [layoutOf(queue), idOfHandle(handle)];
    between = async () => {
      between = undefined;
      await operator.store.moveToTree(handle);
      await moveToDeleted({ disk, layout }, id);
    };
    await queue.store.moveToTree(handle);
    assert.equal(existsSync(messagePath(layout, id)), false);
    assert.equal(existsSync(deletedPath(layout, id)), true);
    assert.equal(await contentOf(operator.store, handle), 'x', 'of the journal, which lets it go later');
  });
});
