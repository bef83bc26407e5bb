import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { createCorruptFolder } from '../../../src/injector/corrupt-folder.ts';
import { settleAll } from '../../../src/injector/settle.ts';
import { createDisk } from '../../../src/queue/disk.ts';
import { idOfHandle, parseHandle } from '../../../src/queue/handle.ts';
import { messagePath, segmentPath, type Layout } from '../../../src/queue/layout.ts';
import type { Handle } from '../../../src/queue/store.ts';
import { newPart } from '../../../src/scheduler/work.ts';
import { walkQueue } from '../../../src/queue/walk.ts';
import { commit, gather, makeEnvelope, openTestQueue, SPLIT, type TestQueue } from '../queue/support.ts';
import { listLog, openFarm, type Farm } from './support.ts';

interface Scene extends AsyncDisposable {
  readonly queue: TestQueue;
  readonly farm: Farm;
  readonly layout: Layout;
  readonly handles: readonly Handle[];
  readonly segment: string;
  settle(): Promise<void>;
  inTree(i: number): boolean;
}

/** The scheduler delivered the i-th message from its journal. */
function deliver({ farm, handles }: Scene, i: number): void {
  const ledger = farm.ledger;
  const message = ledger.get(idOfHandle(handles[i] ?? ''))!;
  ledger.dropPart(newPart(message, { hop: { channel: 'smtp', next: 'x' }, to: [], attempts: 0, warned: false }));
}

/** Some messages in a closed segment of which the scheduler knows. */
async function open(contents: readonly string[], disk = createDisk(), now = Date.now): Promise<Scene> {
  const [queue, farm] = [await openTestQueue(), await openFarm(now)];
  const handles: Handle[] = [];
  for (const content of contents) handles.push(await commit(queue.store, content, makeEnvelope(['a@x', 'b@x'])));
  const layout = { root: queue.dir, split: SPLIT };
  const segment = parseHandle(handles[0] ?? '')?.journal?.segment ?? '';
  const facts = { sender: '', received: 0, tenant: 'default', size: 1 };
  for (const handle of handles) farm.ledger.admit({ handle, ...facts }, false);
  await queue.store.close();
  for (const closed of queue.closed) farm.segments.close(closed.segment, closed.total, closed.finished);
  const settler = await openTestQueue({ dir: queue.dir, worker: 'injector-1-test', disk });
  const { log } = listLog();
  const keep = createCorruptFolder(layout, log).keepSegment;
  return {
    queue,
    farm,
    layout,
    handles,
    segment,
    settle: () => settleAll({ scheduler: farm.scheduler, store: settler.store, layout, log, keep }),
    inTree: (i) => existsSync(messagePath(layout, idOfHandle(handles[i] ?? ''))),
    async [Symbol.asyncDispose]() {
      await settler[Symbol.asyncDispose]();
      await farm[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();
    },
  };
}

describe('settling', () => {
  it('gives what lingers a file of its own, and the segment goes', async () => {
    await using scene = await open(['one', 'two', 'three']);
    deliver(scene, 1);
    await scene.settle();
    assert.deepEqual(
      [0, 1, 2].map((i) => scene.inTree(i)),
      [true, false, true],
    );
    assert.deepEqual(scene.farm.removed, [`journal/${scene.segment}`]);
  });

  it('leaves no file behind of a message that was delivered after a settler failed over it', async () => {
    let left = 2;
    const disk = createDisk();
    const syncFolder = (path: string): Promise<void> => {
      if (path.includes('/mess/') && (left -= 1) < 0) return Promise.reject(new Error('no more'));
      return disk.syncFolder(path);
    };
    await using scene = await open(['one', 'two', 'three'], { ...disk, syncFolder });
    await assert.rejects(scene.settle(), /no more/);
    scene.farm.segments.planLost();
    for (const i of [0, 1, 2]) deliver(scene, i);
    assert.ok(!scene.farm.removed.includes(`journal/${scene.segment}`), 'there may be files');
    left = Infinity;
    scene.farm.removed.length = 0;
    await scene.settle();
    const ids = scene.handles.map(idOfHandle);
    assert.deepEqual(scene.farm.removed.toSorted(), [...ids, `journal/${scene.segment}`].toSorted());
  });

  it('removes the file of a message that was delivered meanwhile', async () => {
    await using scene = await open(['one', 'two']);
    scene.farm.onMoved = () => deliver(scene, 0);
    await scene.settle();
    const id = idOfHandle(scene.handles[0] ?? '');
    assert.deepEqual(scene.farm.removed, [id, id, `journal/${scene.segment}`], 'once more after the settler answered');
    assert.equal(scene.inTree(1), true);
  });

  it('leaves the file of a message that was deferred meanwhile: it lives in it', async () => {
    await using scene = await open(['one', 'two']);
    scene.farm.onMoved = () => {
      for (const i of [0, 1]) scene.farm.segments.finish(scene.segment, i);
    };
    await scene.settle();
    assert.deepEqual(
      [0, 1].map((i) => scene.inTree(i)),
      [true, true],
    );
  });

  it('keeps a copy of a segment that it could not read to its end', async () => {
    await using scene = await open(['one', 'two', 'three']);
    const path = segmentPath(scene.layout, 'journal', scene.segment);
    const bytes = readFileSync(path);
    const second = parseHandle(scene.handles[1] ?? '')?.journal?.offset ?? 0;
    bytes[second + 3] = 0x58;
    writeFileSync(path, bytes);
    await scene.settle();
    assert.deepEqual(
      [0, 1, 2].map((i) => scene.inTree(i)),
      [true, false, false],
    );
    const kept = readdirSync(`${scene.queue.dir}/corrupt`);
    assert.equal(kept.length, 1);
    assert.deepEqual(readFileSync(`${scene.queue.dir}/corrupt/${kept[0]}`), bytes);
  });

  it('passes over what the disk does not give back, and keeps the segment for it', async () => {
    const disk = createDisk();
    let [bad, tries] = ['', 0];
    const create = (path: string): ReturnType<typeof disk.create> => {
      if (!path.includes(bad)) return disk.create(path);
      tries += 1;
      return Promise.reject(Object.assign(new Error('bad sector'), { code: 'EIO' }));
    };
    let time = Date.now();
    await using scene = await open(['one', 'two', 'three'], { ...disk, create }, () => time);
    bad = idOfHandle(scene.handles[1] ?? '');
    await scene.settle();
    assert.deepEqual(
      [0, 1, 2].map((i) => scene.inTree(i)),
      [true, false, true],
    );
    assert.deepEqual(scene.farm.removed, []);
    assert.equal(tries, 1, 'its time has not come again');
    assert.equal(scene.farm.toScheduler.filter(({ t }) => t === 'plan?').length, 2, 'the last plan was empty');
    assert.deepEqual(readdirSync(`${scene.queue.dir}/corrupt`), []);
    time += 1;
    await scene.settle();
    assert.equal(tries, 2);
    bad = 'nothing';
    time += 1;
    await scene.settle();
    assert.deepEqual(scene.farm.removed, [`journal/${scene.segment}`]);
  });

  it('folds outcomes into state files before their journal goes', async () => {
    await using scene = await open(['one']);
    await using worker = await openTestQueue({ dir: scene.queue.dir, worker: 'smtp-1-test' });
    await worker.store.read(scene.handles[0]!);
    await worker.store.record(scene.handles[0]!, [{ state: 'delivered', recipients: ['a@x'], at: 5 }]);
    await worker.store.close();
    for (const closed of worker.closed) scene.farm.segments.close(closed.segment, closed.total, closed.finished);
    await scene.settle();
    assert.equal(scene.farm.removed.length, 2);
    for (const name of scene.farm.removed) {
      const [kind, file] = name.split('/');
      if (kind === 'outcome') writeFileSync(segmentPath(scene.layout, 'outcome', file ?? ''), '');
    }
    const [message] = await gather(walkQueue({ dir: scene.queue.dir, split: SPLIT }));
    assert.deepEqual(
      message?.recipients.map(({ address }) => address),
      ['b@x'],
      'nobody gets it twice',
    );
  });
});
