import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { AppendLog, SegmentEnded, type AppendLogOptions } from '../../../src/queue/append-log.ts';
import { createDisk, type Disk } from '../../../src/queue/disk.ts';
import { waitFor } from '../../support/wait.ts';
import { makeTemp } from '../../support/temp.ts';

function openLog(more: Partial<AppendLogOptions> & { disk?: Disk } = {}): {
  log: AppendLog;
  folder: string;
  closed: [string, number][];
} {
  const folder = makeTemp('append');
  const closed: [string, number][] = [];
  let count = 0;
  const log = new AppendLog({
    disk: createDisk(),
    folder,
    nextName: () => `segment-${(count += 1)}`,
    maxBytes: 1_000_000,
    maxAge: 60_000,
    trailer: () => Buffer.from('.'),
    onClosed: (name, records) => void closed.push([name, records]),
    ...more,
  });
  return { log, folder, closed };
}

function countingDisk(): Disk & { syncs: number; failing: boolean } {
  const disk = createDisk();
  const counting = {
    ...disk,
    syncs: 0,
    failing: false,
    async datasync(file: Parameters<Disk['datasync']>[0]): Promise<void> {
      counting.syncs += 1;
      if (counting.failing) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
      await disk.datasync(file);
    },
  };
  return counting;
}

const bytes = (text: string): Buffer[] => [Buffer.from(text)];

/** A log whose next sync is far away, on a disk that takes everything but the record 'no'. */
function openRefusing(): ReturnType<typeof openLog> & { disk: ReturnType<typeof countingDisk> } {
  const disk = countingDisk();
  const isRefused = (buffer: Uint8Array): boolean => Buffer.from(buffer).equals(Buffer.from('no'));
  const writeAt: Disk['writeAt'] = async (file, buffers, position) => {
    if (buffers.some(isRefused)) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    await disk.writeAt(file, buffers, position);
  };
  const refusing: Disk = { ...disk, datasync: (file) => disk.datasync(file), writeAt };
  return { disk, ...openLog({ disk: refusing, pace: { writeMs: 0, syncMs: 3_600_000 } }) };
}

describe('an append log', () => {
  it('places records one after another and says where', async () => {
    const { log, folder } = openLog();
    const places = await Promise.all(['one', 'three', 'seven'].map((text) => log.append(bytes(text), { sync: true })));
    await log.close();
    assert.equal(readFileSync(`${folder}/segment-1`, 'utf8'), 'onethreeseven.', 'and a trailer');
    assert.deepEqual(
      places.map(({ ordinal, offset, length }) => [ordinal, offset, length]),
      [
        [0, 0, 3],
        [1, 3, 5],
        [2, 8, 5],
      ],
    );
  });

  it('syncs once for many records that come together', async () => {
    const disk = countingDisk();
    const { log } = openLog({ disk });
    await Promise.all(Array.from({ length: 500 }, () => log.append(bytes('x'), { sync: true })));
    assert.ok(disk.syncs <= 2, `${disk.syncs} syncs`);
    await log.close();
  });

  it('does not sync for records that nobody promised', async () => {
    const disk = countingDisk();
    const { log } = openLog({ disk });
    await log.append(bytes('staged'), { sync: false });
    assert.equal(disk.syncs, 0);
    await log.close();
  });

  it('begins a new segment by size and tells what the old one holds', async () => {
    const { log, folder, closed } = openLog({ maxBytes: 10 });
    for (const text of ['12345', '67890', 'abc']) await log.append(bytes(text), { sync: true });
    await log.close();
    assert.deepEqual(readdirSync(folder).sort(), ['segment-1', 'segment-2']);
    assert.deepEqual(closed, [
      ['segment-1', 2],
      ['segment-2', 1],
    ]);
  });

  it('refuses a record that had to follow one in a segment which ended', async () => {
    const { log } = openLog({ maxBytes: 1 });
    const { segment } = await log.append(bytes('staged'), { sync: false });
    await assert.rejects(log.append(bytes('accept'), { sync: true, within: segment }), SegmentEnded);
    await log.close();
  });

  it('leaves nothing of a batch whose sync failed, and never uses that segment again', async () => {
    const disk = countingDisk();
    const { log, folder, closed } = openLog({ disk });
    await log.append(bytes('good'), { sync: true });
    disk.failing = true;
    const results = await Promise.allSettled(
      ['lost', 'lost too'].map((text) => log.append(bytes(text), { sync: true })),
    );
    assert.ok(results.every((result) => result.status === 'rejected'));
    disk.failing = false;
    const { segment } = await log.append(bytes('new'), { sync: true });
    assert.equal(segment, 'segment-2');
    assert.equal(readFileSync(`${folder}/segment-1`, 'utf8'), 'good.');
    assert.deepEqual(closed, [['segment-1', 1]]);
    await log.close();
  });

  it('writes soon and syncs by its pace: many writes share a sync, and nothing is answered before it', async () => {
    const disk = countingDisk();
    const { log, folder } = openLog({ disk, pace: { writeMs: 0, syncMs: 3_600_000 } });
    await log.append(bytes('one'), { sync: true });
    assert.equal(disk.syncs, 1, 'the first waits for nobody');
    const answered: string[] = [];
    const append = (text: string): Promise<unknown> =>
      log.append(bytes(text), { sync: true }).then(() => answered.push(text));
    const two = append('two');
    await waitFor(() => readFileSync(`${folder}/segment-1`, 'utf8') === 'onetwo');
    const three = append('three');
    await waitFor(() => readFileSync(`${folder}/segment-1`, 'utf8') === 'onetwothree');
    assert.deepEqual([answered, disk.syncs], [[], 1]);
    await log.close();
    await Promise.all([two, three]);
    assert.deepEqual([answered, disk.syncs], [['two', 'three'], 2]);
  });

  it('begins its syncs no closer to each other than the pace says, by itself', async () => {
    const begun: number[] = [];
    const disk = createDisk();
    const datasync: Disk['datasync'] = (file) => (begun.push(performance.now()), disk.datasync(file));
    const { log } = openLog({ disk: { ...disk, datasync }, pace: { writeMs: 0, syncMs: 30 } });
    for (let n = 0; n < 4; n += 1) await log.append(bytes('x'), { sync: true });
    await log.close();
    assert.equal(begun.length, 4);
    for (const [n, at] of begun.entries()) if (n > 0) assert.ok(at - (begun[n - 1] ?? 0) > 25, begun.join());
  });

  it('begins its writes no closer to each other than the pace says: what comes meanwhile shares one', async () => {
    const begun: number[] = [];
    const disk = createDisk();
    const writeAt: Disk['writeAt'] = (...what) => (begun.push(performance.now()), disk.writeAt(...what));
    const { log, folder } = openLog({ disk: { ...disk, writeAt }, pace: { writeMs: 1000, syncMs: 0 } });
    await log.append(bytes('1'), { sync: false });
    const more = ['2', '3', '4'].map(async (text) => {
      for (let turn = 0; turn < Number(text); turn += 1) await new Promise((resolve) => setImmediate(resolve));
      await log.append(bytes(text), { sync: false });
    });
    await Promise.all(more);
    assert.equal(begun.length, 2);
    assert.ok((begun[1] ?? 0) - (begun[0] ?? 0) > 990, begun.join());
    assert.equal(readFileSync(`${folder}/segment-1`, 'utf8'), '1234');
    await log.close();
  });

  it('keeps what was written before a write that failed, and syncs it at once', async () => {
    const { disk, log, folder, closed } = openRefusing();
    await log.append(bytes('one'), { sync: true });
    const two = log.append(bytes('two'), { sync: true });
    await waitFor(() => readFileSync(`${folder}/segment-1`, 'utf8') === 'onetwo');
    await assert.rejects(log.append(bytes('no'), { sync: true }), { name: 'StorageFull' });
    assert.deepEqual([(await two).offset, disk.syncs], [3, 2]);
    assert.equal(readFileSync(`${folder}/segment-1`, 'utf8'), 'onetwo.');
    assert.deepEqual(closed, [['segment-1', 2]]);
    await log.close();
  });

  it('leaves nothing of either when a write fails, and then the sync of what was written before it', async () => {
    const { disk, log, folder, closed } = openRefusing();
    await log.append(bytes('good'), { sync: true });
    const two = assert.rejects(log.append(bytes('two'), { sync: true }), { code: 'EIO' });
    await waitFor(() => readFileSync(`${folder}/segment-1`, 'utf8') === 'goodtwo');
    disk.failing = true;
    await assert.rejects(log.append(bytes('no'), { sync: true }), { name: 'StorageFull' });
    await two;
    assert.equal(readFileSync(`${folder}/segment-1`, 'utf8'), 'good.');
    assert.deepEqual(closed, [['segment-1', 1]]);
    await log.close();
  });

  it('answers what is appended while it closes, and all that waits for its sync', async () => {
    const gate = Promise.withResolvers<void>();
    const disk = createDisk();
    let syncs = 0;
    const datasync: Disk['datasync'] = async (file) => {
      syncs += 1;
      if (syncs === 2) await gate.promise;
      await disk.datasync(file);
    };
    const { log, folder, closed } = openLog({ disk: { ...disk, datasync }, pace: { writeMs: 0, syncMs: 3_600_000 } });
    await log.append(bytes('one'), { sync: true });
    const two = log.append(bytes('two'), { sync: true });
    await waitFor(() => readFileSync(`${folder}/segment-1`, 'utf8') === 'onetwo');
    const closing = log.close();
    await waitFor(() => syncs === 2);
    const late = log.append(bytes('late'), { sync: true });
    gate.resolve();
    await closing;
    assert.deepEqual([(await two).segment, closed[0]], ['segment-1', ['segment-1', 2]]);
    await log.close();
    assert.equal((await late).segment, 'segment-2');
    assert.deepEqual(closed[1], ['segment-2', 1]);
  });

  it('leaves nothing of all the writes that a failed sync was for', async () => {
    const disk = countingDisk();
    const { log, folder, closed } = openLog({ disk, pace: { writeMs: 0, syncMs: 3_600_000 } });
    await log.append(bytes('good'), { sync: true });
    disk.failing = true;
    const lost: Promise<void>[] = [];
    for (const [text, then] of [
      ['lost', 'goodlost'],
      ['too', 'goodlosttoo'],
    ] as const) {
      lost.push(assert.rejects(log.append(bytes(text), { sync: true }), { code: 'EIO' }));
      await waitFor(() => readFileSync(`${folder}/segment-1`, 'utf8') === then);
    }
    await log.close();
    await Promise.all(lost);
    assert.equal(readFileSync(`${folder}/segment-1`, 'utf8'), 'good.');
    assert.deepEqual(closed, [['segment-1', 1]]);
  });

  it('says StorageFull when the disk is full, and goes on when there is room', async () => {
    const disk = createDisk();
    let full = true;
    const { log, folder } = openLog({
      disk: {
        ...disk,
        async writeAt(file, buffers, position) {
          if (full) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
          await disk.writeAt(file, buffers, position);
        },
      },
    });
    await assert.rejects(log.append(bytes('x'), { sync: true }), { name: 'StorageFull' });
    full = false;
    await log.append(bytes('y'), { sync: true });
    await log.close();
    assert.equal(existsSync(`${folder}/segment-1`), false, 'an empty segment is removed');
    assert.equal(readFileSync(`${folder}/segment-2`, 'utf8'), 'y.');
  });

  it('rejects all when no segment can be made', async () => {
    const { log } = openLog({ folder: '/nonexistent/folder' });
    await assert.rejects(log.append(bytes('x'), { sync: true }), { code: 'ENOENT' });
  });
});
