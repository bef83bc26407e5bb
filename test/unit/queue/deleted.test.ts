/** The deleted queue beside the settler, which folds outcomes and places files whatever an operator does. */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { moveToDeleted, restoreFromDeleted } from '../../../src/queue/deleted.ts';
import { createDisk, type Disk } from '../../../src/queue/disk.ts';
import { idOfHandle } from '../../../src/queue/handle.ts';
import { bucketFolder, deletedPath, messagePath, statePath, type Layout } from '../../../src/queue/layout.ts';
import { appendWhereItIs, fileOf } from '../../../src/queue/own-file.ts';
import { outcomeLine } from '../../../src/queue/record.ts';
import type { QueueId } from '../../../src/queue/store.ts';
import { sweepCompanions } from '../../../src/queue/sweep.ts';
import { appendState, placeInTree } from '../../../src/queue/tree.ts';
import { walkQueue } from '../../../src/queue/walk.ts';
import { commit, gather, makeEnvelope, openTestQueue, SPLIT, type TestQueue } from './support.ts';

const disk = createDisk();

interface Scene extends AsyncDisposable {
  readonly queue: TestQueue;
  readonly layout: Layout;
  readonly id: QueueId;
  readonly options: { readonly disk: Disk; readonly layout: Layout };
  /** The settler folds that the message was delivered to this address. */
  fold(address: string, on?: Disk): Promise<unknown>;
  /** Who is left, when it is in the tree again. */
  waiting(): Promise<readonly string[]>;
}

/** A message of three recipients in the tree. */
async function openScene(): Promise<Scene> {
  const queue = await openTestQueue();
  const layout = { root: queue.dir, split: SPLIT };
  const handle = await commit(queue.store, 'one', makeEnvelope(['a@x', 'b@x', 'c@x']));
  await queue.store.moveToTree(handle);
  const id = idOfHandle(handle);
  return {
    queue,
    layout,
    id,
    options: { disk, layout },
    fold: (address, on = disk) => appendWhereItIs({ disk: on, layout }, id, [delivered(id, address)]),
    waiting: async () =>
      (await gather(walkQueue({ dir: queue.dir, split: SPLIT }))).flatMap(({ recipients }) =>
        recipients.map((one) => one.address),
      ),
    [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
  };
}

const delivered = (id: QueueId, address: string): Buffer =>
  outcomeLine(id, [{ state: 'delivered', recipients: [address], at: Date.now() }]);

/** Something happens once, just before a step of the disk whose arguments fit. */
function before(
  step: 'link' | 'unlink' | 'append' | 'syncFolder',
  fits: (...paths: readonly string[]) => boolean,
  what: () => Promise<unknown>,
  on: Disk = disk,
): Disk {
  let done = false;
  const run = async (...paths: readonly string[]): Promise<unknown> => {
    if (!done && fits(...paths)) {
      done = true;
      await what();
    }
    return (on[step] as (...paths: readonly string[]) => Promise<unknown>)(...paths);
  };
  return { ...on, [step]: run };
}

describe('a deletion', () => {
  for (const had of [false, true]) {
    it(`keeps what is folded in its midst, of a message that has ${had ? 'a' : 'no'} state file`, async () => {
      const places: ((layout: Layout, id: QueueId) => Disk)[] = [
        (layout) => before('syncFolder', (path) => path === `${layout.root}/deleted`, fold),
        (layout, id) => before('unlink', (path) => path === messagePath(layout, id), fold),
        (layout, id) => before('unlink', (path) => path === statePath(layout, id), fold),
      ];
      let fold = (): Promise<unknown> => Promise.resolve();
      for (const place of places) {
        await using scene = await openScene();
        const { layout, id, options } = scene;
        if (had) await appendState(options, id, [delivered(id, 'c@x')]);
        fold = () => scene.fold('a@x');
        await moveToDeleted({ layout, disk: place(layout, id) }, id);
        assert.deepEqual(readdirSync(`${layout.root}/deleted`), [id, `${id}.state`]);
        assert.equal(existsSync(statePath(layout, id)), false);
        await restoreFromDeleted(options, id);
        assert.deepEqual(await scene.waiting(), had ? ['b@x'] : ['b@x', 'c@x']);
      }
    });
  }

  it('that is all done while the settler opens the state file takes the outcomes along', async () => {
    for (const had of [false, true]) {
      await using scene = await openScene();
      const { layout, id, options } = scene;
      if (had) await appendState(options, id, [delivered(id, 'c@x')]);
      const late = before(
        'append',
        (path) => path === statePath(layout, id),
        () => moveToDeleted(options, id),
      );
      assert.equal(await scene.fold('a@x', late), true);
      assert.equal(fileOf(layout, id), 'deleted');
      await restoreFromDeleted(options, id);
      assert.deepEqual(await scene.waiting(), had ? ['b@x'] : ['b@x', 'c@x']);
      assert.equal(existsSync(deletedPath(layout, id, true)), false);
    }
  });
});

describe('a restoration', () => {
  it('is done when a purge or another one takes the old name from under it', async () => {
    await using scene = await openScene();
    const { layout, id, options } = scene;
    await moveToDeleted(options, id);
    const steps: string[] = [];
    const noted: Disk = {
      ...disk,
      link: async (from, to) => {
        await disk.link(from, to);
        steps.push(`link ${to}`);
        if (to === messagePath(layout, id)) await disk.unlink(from);
      },
      syncFolder: async (path) => {
        await disk.syncFolder(path);
        steps.push(`sync ${path}`);
      },
    };
    await restoreFromDeleted({ layout, disk: noted }, id);
    const linked = steps.indexOf(`link ${messagePath(layout, id)}`);
    assert.ok(steps.indexOf(`sync ${bucketFolder(layout, id)}`, linked) > linked, steps.join(', '));
    assert.deepEqual(await scene.waiting(), ['a@x', 'b@x', 'c@x']);
  });

  for (const had of [false, true]) {
    it(`keeps what is folded in its midst, of a message that has ${had ? 'a' : 'no'} state file`, async () => {
      let fold = (): Promise<unknown> => Promise.resolve();
      const places: ((layout: Layout, id: QueueId) => Disk)[] = [
        (layout, id) => before('link', (_from, to) => to === messagePath(layout, id), fold),
        (layout, id) => before('unlink', (path) => path === deletedPath(layout, id), fold),
        (layout, id) => before('unlink', (path) => path === deletedPath(layout, id, true), fold),
      ];
      for (const place of places) {
        await using scene = await openScene();
        const { layout, id, options } = scene;
        if (had) await appendState(options, id, [delivered(id, 'c@x')]);
        await moveToDeleted(options, id);
        fold = () => scene.fold('a@x');
        await restoreFromDeleted({ layout, disk: place(layout, id) }, id);
        assert.deepEqual(await scene.waiting(), had ? ['b@x'] : ['b@x', 'c@x']);
        assert.deepEqual(readdirSync(`${layout.root}/deleted`), []);
      }
    });
  }

  it('keeps its outcomes while the injector of a start sweeps state files without a message', async () => {
    await using scene = await openScene();
    const { layout, id, options } = scene;
    await appendState(options, id, [delivered(id, 'a@x')]);
    await moveToDeleted(options, id);
    const swept = before(
      'link',
      (_from, to) => to === messagePath(layout, id),
      () => sweepCompanions(layout),
    );
    const seen: (readonly string[])[] = [];
    const walked = before(
      'unlink',
      (path) => path === deletedPath(layout, id),
      async () => seen.push(await scene.waiting()),
      swept,
    );
    await restoreFromDeleted({ layout, disk: walked }, id);
    seen.push(await scene.waiting());
    assert.deepEqual(seen, [
      ['b@x', 'c@x'],
      ['b@x', 'c@x'],
    ]);
    assert.deepEqual(readdirSync(`${layout.root}/deleted`), []);
  });

  it('does not take the file that a settler is about to take back for its own', async () => {
    await using scene = await openScene();
    const { layout, id, options } = scene;
    const copy = `${layout.root}/tmp/${id}.injector-1-test.move1`;
    copyFileSync(messagePath(layout, id), copy);
    await moveToDeleted(options, id);
    const [placed, met] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const takesBack = before(
      'unlink',
      (path) => path === messagePath(layout, id),
      () => (placed.resolve(), met.promise),
    );
    const placing = placeInTree({ disk: takesBack, layout }, id, copy, deletedPath(layout, id));
    await placed.promise;
    const link = async (from: string, to: string): Promise<void> => {
      try {
        await disk.link(from, to);
      } catch (error) {
        met.resolve();
        await placing;
        throw error;
      }
    };
    await restoreFromDeleted({ layout, disk: { ...disk, link } }, id);
    await placing;
    assert.equal(fileOf(layout, id), 'tree');
    assert.deepEqual(readdirSync(`${layout.root}/deleted`), []);
  });

  it('keeps what was folded in the tree and in the deleted queue', async () => {
    await using scene = await openScene();
    const { layout, id, options } = scene;
    await moveToDeleted(options, id);
    const early = before(
      'link',
      (_from, to) => to === messagePath(layout, id),
      () => scene.fold('a@x'),
    );
    const last = (path?: string): boolean => path === deletedPath(layout, id, true);
    const both = before('unlink', last, () => scene.fold('b@x'), early);
    await restoreFromDeleted({ layout, disk: both }, id);
    assert.deepEqual(await scene.waiting(), ['c@x']);
  });
});
