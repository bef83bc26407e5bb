import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { injectAll } from '../../../src/injector/inject.ts';
import type { Frame } from '../../../src/ipc/messages.ts';
import type { Fields } from '../../../src/log/line.ts';
import type { Logger } from '../../../src/log/logger.ts';
import { idOfHandle } from '../../../src/queue/handle.ts';
import { messagePath } from '../../../src/queue/layout.ts';
import { createDisk, type Disk } from '../../../src/queue/disk.ts';
import { createIdSource } from '../../../src/queue/queue-id.ts';
import { acceptLine, outcomeLine } from '../../../src/queue/record.ts';
import { appendState } from '../../../src/queue/tree.ts';
import { QueueWalk } from '../../../src/queue/walk.ts';
import { commit, makeEnvelope, openTestQueue, SPLIT, type TestQueue } from '../queue/support.ts';
import { listLog, openFarm, type Farm } from './support.ts';

const LARGE = 'x'.repeat(20_000);
const hop = { channel: 'smtp', next: 'mx:x' } as const;

async function inject(
  queue: TestQueue,
  farm: Farm,
  how: {
    mode?: 'start' | 'orphans' | 'look';
    live?: string[];
    batch?: number;
    since?: number;
    disk?: Disk;
    log?: Logger;
  } = {},
): Promise<void> {
  const { batch, disk = createDisk(), since = 0, log = listLog().log } = how;
  const walk = new QueueWalk({ dir: queue.dir, split: SPLIT, disk, ...(batch === undefined ? {} : { batch }) });
  const live = (): ReadonlySet<string> => new Set(how.live);
  await injectAll({ ...farm, walk, live, since, log, stopped: () => false }, how.mode ?? 'start');
}

const handles = (frames: readonly Frame[]): string[] =>
  frames.flatMap((frame) => (frame.t === 'accepted' || frame.t === 'routed' ? [frame.handle] : []));
const notices = (farm: Farm): unknown[] =>
  farm.toScheduler.flatMap((frame) =>
    frame.t === 'segment' ? [[frame.segment.split('/')[0], frame.total, frame.finished]] : [],
  );

describe('the injector', () => {
  it('hands each message to the stage that its state names', async () => {
    await using queue = await openTestQueue();
    await using farm = await openFarm();
    const fresh = await commit(queue.store, 'fresh', makeEnvelope(['a@x', 'b@x']));
    const tried = await commit(queue.store, LARGE, makeEnvelope(['a@x', 'b@x']));
    const done = await commit(queue.store, LARGE);
    const held = await commit(queue.store, LARGE);
    await queue.store.record(fresh, [{ state: 'delivered', recipients: ['a@x'], at: 1 }]);
    await queue.store.record(tried, [
      { state: 'deferred', recipients: ['a@x', 'b@x'], at: 1, attempts: 1, until: 9, hop },
    ]);
    await queue.store.record(done, [{ state: 'delivered', recipients: ['to@example.org'], at: 1 }]);
    await queue.store.record(held, [{ state: 'held', recipients: ['to@example.org'], at: 1 }]);
    await inject(queue, farm);
    assert.deepEqual(handles(farm.toRouter), [fresh]);
    const [accepted] = farm.toRouter;
    assert.deepEqual(accepted?.t === 'accepted' && accepted.only, ['b@x']);
    assert.deepEqual(handles(farm.toScheduler), [tried]);
    const there = (handle: string): boolean =>
      existsSync(messagePath({ root: queue.dir, split: SPLIT }, idOfHandle(handle)));
    assert.deepEqual([tried, done, held].map(there), [true, false, true], 'what is finished is removed');
    const phases = farm.toScheduler.flatMap((frame) => (frame.t === 'walk' ? [[frame.phase, frame.injected]] : []));
    assert.deepEqual(phases, [
      ['begin', undefined],
      ['end', 2],
    ]);
  });

  it('tells of segments whose writer is gone how many records they hold, and which of them are done', async () => {
    await using queue = await openTestQueue();
    await using farm = await openFarm();
    const first = await commit(queue.store, 'done');
    const moved = await commit(queue.store, 'moved');
    await commit(queue.store, 'left');
    await queue.store.record(first, [{ state: 'delivered', recipients: ['to@example.org'], at: 1 }]);
    await queue.store.moveToTree(moved);
    await inject(queue, farm, { mode: 'orphans' });
    assert.deepEqual(notices(farm), [
      ['journal', 3, [0, 1]],
      ['outcome', 1, []],
    ]);
    assert.equal(handles(farm.toRouter).length, 2, 'also what is in the tree, and no router ever saw');
  });

  for (const mode of ['orphans', 'look'] as const) {
    it(`says what is finished before its segment goes, also in a run for ${mode} that comes before that of a start`, async () => {
      await using queue = await openTestQueue();
      await using farm = await openFarm();
      const handle = await commit(queue.store, 'done');
      await queue.store.record(handle, [{ state: 'delivered', recipients: ['to@example.org'], at: 1 }]);
      // The scheduler that finished it died with its lines; the new one knows of nothing.
      const lines: string[] = [];
      const info = (event: string, fields?: Fields): void => void lines.push(`${event} ${String(fields?.['id'])}`);
      const log = { ...listLog().log, info };
      await inject(queue, farm, { mode, log });
      const [segment] = farm.removed;
      assert.ok(segment?.startsWith('journal/'));
      rmSync(`${queue.dir}/${segment}`);
      await inject(queue, farm, { log });
      const id = idOfHandle(handle);
      assert.deepEqual(
        lines.filter((line) => line.endsWith(id)),
        [`injected ${id}`, `removed ${id}`],
      );
    });
  }

  it('takes a message once that lies in the bucket of another split and is in its journal still', async () => {
    await using queue = await openTestQueue();
    await using farm = await openFarm();
    const handle = await commit(queue.store, 'one');
    await queue.store.moveToTree(handle);
    const id = idOfHandle(handle);
    const stray = `${queue.dir}/mess/99`;
    mkdirSync(stray);
    renameSync(messagePath({ root: queue.dir, split: SPLIT }, id), `${stray}/${id}`);
    await inject(queue, farm);
    assert.deepEqual(handles(farm.toRouter), [id]);
  });

  it('tells of a segment with more records that are done than one frame holds', async () => {
    await using queue = await openTestQueue();
    await using farm = await openFarm();
    const records = 120_000;
    const name = `${queue.store.nextId()}.acceptor-9-test`;
    const lines = Array.from({ length: records }, (_, i) => acceptLine(i));
    writeFileSync(`${queue.dir}/journal/${name}`, Buffer.concat(lines));
    await inject(queue, farm);
    assert.deepEqual(farm.removed, [`journal/${name}`]);
  });

  it('leaves the total of a segment to its writer while that lives', async () => {
    await using queue = await openTestQueue();
    await using farm = await openFarm();
    await commit(queue.store, 'one');
    await inject(queue, farm, { mode: 'orphans', live: ['acceptor-1-test'] });
    assert.deepEqual([farm.toRouter, farm.toScheduler], [[], []]);
    await inject(queue, farm, { live: ['acceptor-1-test'] });
    assert.deepEqual(notices(farm), []);
    assert.equal(farm.toRouter.length, 1);
  });

  it('hands on what a dead writer left in the tree unrouted, and not what a living one made', async () => {
    await using queue = await openTestQueue();
    await using farm = await openFarm();
    const handle = await commit(queue.store, 'large');
    await queue.store.moveToTree(handle);
    await inject(queue, farm, { mode: 'orphans', live: ['acceptor-1-test'] });
    assert.deepEqual(farm.toRouter, []);
    await inject(queue, farm, { mode: 'orphans' });
    assert.deepEqual(handles(farm.toRouter).map(idOfHandle), [idOfHandle(handle)]);
  });

  it('reads nothing that is older than every writer that is gone, when it looks for orphans', async () => {
    await using queue = await openTestQueue();
    await using farm = await openFarm();
    const layout = { root: queue.dir, split: SPLIT };
    const since = Date.now();
    const older = createIdSource(() => since - 1);
    for (let i = 0; i < 100; i += 1) {
      const path = messagePath(layout, older());
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, 'not looked at');
    }
    const left = await commit(queue.store, LARGE);
    const opened: string[] = [];
    const disk = createDisk();
    const watched: Disk = {
      ...disk,
      open: (path) => (opened.push(path), disk.open(path)),
      readStart: (path, most) => (opened.push(path), disk.readStart(path, most)),
    };
    await inject(queue, farm, { mode: 'orphans', since, disk: watched });
    assert.deepEqual(handles(farm.toRouter), [left]);
    const path = messagePath(layout, idOfHandle(left));
    assert.deepEqual([...new Set(opened)], [path]);
  });

  it('tells of the older segments of a living writer: a scheduler that died knew of them', async () => {
    await using queue = await openTestQueue({ settings: { segment: 10 } });
    await using farm = await openFarm();
    await commit(queue.store, 'one');
    await commit(queue.store, 'two');
    await inject(queue, farm, { live: ['acceptor-1-test'] });
    assert.ok(notices(farm).length >= 1);
    assert.equal(farm.toRouter.length, 2);
  });

  it('leaves a segment that a sendmail has just begun, and clears away those of writers that are gone', async () => {
    await using queue = await openTestQueue();
    await using farm = await openFarm();
    const nextId = createIdSource();
    const old = createIdSource(() => Date.now() - 2 * 60 * 60_000);
    const [begun, left, gone] = [`${nextId()}.sendmail-7-x`, `${old()}.sendmail-8-x`, `${nextId()}.acceptor-9-x`];
    for (const name of [left, gone]) writeFileSync(`${queue.dir}/journal/${name}`, '');
    writeFileSync(`${queue.dir}/journal/${begun}`, '{"sum":"');
    await inject(queue, farm);
    assert.deepEqual(readdirSync(`${queue.dir}/journal`), [begun]);
  });

  it('keeps what is under way within bounds', async () => {
    await using queue = await openTestQueue();
    await using farm = await openFarm();
    await Promise.all(Array.from({ length: 1500 }, (_, i) => commit(queue.store, `message ${i}`)));
    await inject(queue, farm);
    assert.equal(farm.toRouter.length, 1500);
    assert.ok(farm.most() <= 200, `${farm.most()} at a time`);
  });

  it('hands on the journals first, then the tree, the oldest first over all buckets', async () => {
    await using queue = await openTestQueue();
    await using farm = await openFarm();
    const old: string[] = [];
    for (let i = 0; i < 60; i += 1) old.push(await commit(queue.store, LARGE));
    const recent = await commit(queue.store, 'in a journal');
    old.push(await commit(queue.store, LARGE));
    await inject(queue, farm, { batch: 7 });
    assert.deepEqual(handles(farm.toRouter), [recent, ...old]);
  });

  it('knows what state files say', async () => {
    await using queue = await openTestQueue();
    await using farm = await openFarm();
    const handle = await commit(queue.store, LARGE, makeEnvelope(['a@x', 'b@x']));
    const id = idOfHandle(handle);
    const reply = { code: 550, status: '5.1.1', text: 'unknown' };
    const lines = [
      outcomeLine(id, [{ state: 'failed', recipients: ['a@x'], at: 1, reply }]),
      outcomeLine(id, [{ state: 'held', recipients: ['b@x'], at: 1 }]),
    ];
    await appendState({ disk: createDisk(), layout: { root: queue.dir, split: SPLIT } }, id, lines);
    await inject(queue, farm);
    const frame = farm.toScheduler.find((one) => one.t === 'routed');
    assert.ok(frame?.t === 'routed');
    assert.equal(frame.stays, true);
    assert.deepEqual(frame.parts, [{ hop: { channel: 'bounce', next: '' }, to: ['a@x'], attempts: 0, reply }]);
  });
});
