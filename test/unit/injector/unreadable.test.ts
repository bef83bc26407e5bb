import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { createCorruptFolder } from '../../../src/injector/corrupt-folder.ts';
import { injectAll } from '../../../src/injector/inject.ts';
import type { Frame } from '../../../src/ipc/messages.ts';
import { createDisk, type Disk } from '../../../src/queue/disk.ts';
import { idOfHandle, parseHandle } from '../../../src/queue/handle.ts';
import { segmentPath, statePath } from '../../../src/queue/layout.ts';
import type { Handle } from '../../../src/queue/store.ts';
import { QueueWalk } from '../../../src/queue/walk.ts';
import { commit, makeEnvelope, openTestQueue, SPLIT, type TestQueue } from '../queue/support.ts';
import { listLog, openFarm, type Farm } from './support.ts';

const LARGE = 'x'.repeat(20_000);
const EIO = Object.assign(new Error('bad sector'), { code: 'EIO' });
const real = createDisk();

interface Injected {
  readonly events: readonly string[];
  readonly handles: readonly string[];
}

/** A start of the injector that puts aside what it cannot read, after a while. */
async function inject(queue: TestQueue, farm: Farm, disk: Disk = real): Promise<Injected> {
  const { log, events } = listLog();
  const layout = { root: queue.dir, split: SPLIT };
  const { setAside } = createCorruptFolder(layout, log);
  const walk = new QueueWalk({
    dir: queue.dir,
    split: SPLIT,
    disk,
    onCorrupt: async (...what) => {
      for (let i = 0; i < 100; i += 1) await new Promise((resolve) => setImmediate(resolve));
      await setAside(...what);
    },
    onUnreadable: (file) => log.error('unreadable', { file }),
  });
  await injectAll({ ...farm, walk, live: () => new Set(), since: 0, log, stopped: () => false }, 'start');
  const handlesOf = (frame: Frame): string[] => (frame.t === 'accepted' || frame.t === 'routed' ? [frame.handle] : []);
  return { events, handles: [...farm.toRouter, ...farm.toScheduler].flatMap(handlesOf) };
}

const segmentOf = (handle: Handle): string => parseHandle(handle)?.journal?.segment ?? '';

/** A disk that does not give back the bytes of these files, from some offset on. */
function badSector(bad: (path: string) => number | undefined): Disk {
  return {
    ...real,
    readStart: () => undefined,
    open: async (path) => {
      const file = await real.open(path);
      const from = bad(path);
      if (from === undefined) return file;
      const read = async (...args: unknown[]): Promise<unknown> => {
        const [, , length, position] = args as [Buffer, number, number, number];
        if (position + length > from && position >= from) throw EIO;
        const most = Math.min(length, from - position);
        return (file.read as (...all: unknown[]) => unknown)(args[0], args[1], most, position);
      };
      return new Proxy(file, {
        get: (target, key) => {
          if (key === 'read') return read;
          const value: unknown = Reflect.get(target, key, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
}

describe('what the injector cannot read', () => {
  it('is kept when it is no file of ours, and counts as nothing that could be removed', async () => {
    await using queue = await openTestQueue();
    await using farm = await openFarm();
    const handle = await commit(queue.store, 'one');
    await queue.store.close();
    const path = segmentPath({ root: queue.dir, split: SPLIT }, 'journal', segmentOf(handle));
    renameSync(path, `${queue.dir}/elsewhere`);
    symlinkSync(`${queue.dir}/elsewhere`, path);
    const { events } = await inject(queue, farm);
    assert.deepEqual(events.filter((event) => event === 'corrupt').length, 1);
    assert.match(readdirSync(`${queue.dir}/corrupt`).join(), new RegExp(segmentOf(handle)));
    assert.equal(existsSync(path), false);
  });

  it('is kept when it is a segment without any record', async () => {
    await using queue = await openTestQueue();
    await using farm = await openFarm();
    const [torn, empty] = ['acceptor-8-test', 'acceptor-9-test'].map((name) => `${queue.store.nextId()}.${name}`);
    writeFileSync(`${queue.dir}/journal/${torn}`, '{"sum":"');
    writeFileSync(`${queue.dir}/journal/${empty}`, '');
    await inject(queue, farm);
    assert.deepEqual(readdirSync(`${queue.dir}/journal`), []);
    assert.match(readdirSync(`${queue.dir}/corrupt`).join(), new RegExp(`^\\d+\\.${torn}$`));
  });

  it('is one sector of a journal: what is before it and beside it is handed on, and the segment stays', async () => {
    await using queue = await openTestQueue({ settings: { segment: 500 } });
    await using farm = await openFarm();
    const first = await commit(queue.store, 'one');
    const second = await commit(queue.store, 'x'.repeat(400));
    const other = await commit(queue.store, 'three');
    const large = await commit(queue.store, LARGE);
    await queue.store.record(large, [{ state: 'deferred', recipients: ['to@example.org'], at: 1, until: 9 }]);
    await queue.store.close();
    assert.deepEqual([segmentOf(first) === segmentOf(second), segmentOf(first) === segmentOf(other)], [true, false]);
    const bad = parseHandle(second)?.journal?.offset;
    const { events, handles } = await inject(
      queue,
      farm,
      badSector((path) => (path.includes(segmentOf(first)) ? bad : undefined)),
    );
    assert.deepEqual(new Set(handles), new Set([first, other, large]));
    assert.ok(events.includes('unreadable'));
    const told = farm.toScheduler.flatMap((frame) => (frame.t === 'segment' ? [frame.segment] : []));
    assert.ok(told.includes(`journal/${segmentOf(first)}`), 'so that outcomes stay');
    farm.segments.note(segmentOf(first), 0);
    farm.segments.finish(segmentOf(first), 0);
    farm.segments.releaseOutcomes();
    assert.deepEqual(farm.removed, []);
  });

  it('is a file of the tree, or what is said of it: that one message waits', async () => {
    await using queue = await openTestQueue();
    await using farm = await openFarm();
    const large = await Promise.all([1, 2, 3].map(() => commit(queue.store, LARGE, makeEnvelope(['a@x']))));
    const [one, two, three] = large.map(idOfHandle);
    mkdirSync(`${queue.dir}/outcome`, { recursive: true });
    writeFileSync(statePath({ root: queue.dir, split: SPLIT }, two ?? assert.fail()), '');
    const open: Disk['open'] = (path) =>
      path.endsWith(`/${one}`) || path.endsWith(`/${two}.state`) ? Promise.reject(EIO) : real.open(path);
    const { events, handles } = await inject(queue, farm, { ...real, open, readStart: () => undefined });
    assert.deepEqual(handles, [three]);
    assert.equal(events.filter((event) => event === 'unreadable').length, 2);
    assert.ok(existsSync(`${queue.dir}/mess`));
  });
});
