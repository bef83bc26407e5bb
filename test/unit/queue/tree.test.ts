import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { moveToDeleted, restoreFromDeleted } from '../../../src/queue/deleted.ts';
import { createDisk, type Disk } from '../../../src/queue/disk.ts';
import { idOfHandle } from '../../../src/queue/handle.ts';
import {
  bucketFolder,
  deletedPath,
  messagePath,
  segmentPath,
  statePath,
  type Layout,
} from '../../../src/queue/layout.ts';
import { createIdSource } from '../../../src/queue/queue-id.ts';
import { outcomeLine } from '../../../src/queue/record.ts';
import { rehash } from '../../../src/queue/rehash.ts';
import type { Handle, QueueId } from '../../../src/queue/store.ts';
import { sweepCompanions, sweepTemporary } from '../../../src/queue/sweep.ts';
import type { QueuedMessage } from '../../../src/queue/queued-message.ts';
import { appendState, removeFromTree } from '../../../src/queue/tree.ts';
import { QueueWalk, walkDeleted, walkQueue } from '../../../src/queue/walk.ts';
import { commit, gather, makeEnvelope, openTestQueue, SPLIT, type TestQueue } from './support.ts';

const LARGE = 'Subject: large\r\n\r\n'.padEnd(20_000, 'x');
const disk = createDisk();
const next = createIdSource();
const layoutOf = (queue: TestQueue, split = SPLIT): Layout => ({ root: queue.dir, split });
const delivered = (id: QueueId, address: string): Buffer =>
  outcomeLine(id, [{ state: 'delivered', recipients: [address], at: Date.now() }]);

function walk(
  queue: TestQueue,
  split = SPLIT,
  onCorrupt?: (path: string, why: string) => void,
): Promise<QueuedMessage[]> {
  return gather(walkQueue({ dir: queue.dir, split, ...(onCorrupt ? { onCorrupt } : {}) }));
}

const summary = (messages: readonly QueuedMessage[]): string[] =>
  messages.map(
    ({ where, recipients }) => `${where}: ${recipients.map((one) => `${one.address} ${one.state}`).join(', ')}`,
  );

describe('walking the queue', () => {
  it('tells journal and tree, each with what its outcomes left to do', async () => {
    await using queue = await openTestQueue();
    const two = makeEnvelope(['a@x.example', 'b@x.example']);
    const small = await commit(queue.store, 'small', two);
    const large = await commit(queue.store, LARGE, two);
    const done = await commit(queue.store, 'done');
    await queue.store.record(small, [{ state: 'delivered', recipients: ['a@x.example'], at: 1 }]);
    await queue.store.record(done, [{ state: 'delivered', recipients: ['to@example.org'], at: 1 }]);
    await appendState({ disk, layout: layoutOf(queue) }, idOfHandle(large), [
      delivered(idOfHandle(large), 'b@x.example'),
    ]);
    assert.deepEqual(summary(await walk(queue)), ['journal: b@x.example waiting', 'tree: a@x.example waiting']);
  });

  it('does not see what was staged and not accepted', async () => {
    await using queue = await openTestQueue();
    const drafts = await Promise.all(
      ['one', 'two', LARGE].map(async (content) => {
        const draft = queue.store.draft(queue.store.nextId());
        await draft.write(Buffer.from(content));
        await draft.stage(makeEnvelope());
        return draft;
      }),
    );
    assert.deepEqual(await walk(queue), []);
    await drafts[1]?.commit(makeEnvelope());
    assert.equal((await walk(queue)).length, 1);
    for (const i of [0, 2]) await drafts[i]?.discard();
  });

  it('tells a message that is in journal and tree once', async () => {
    await using queue = await openTestQueue();
    await queue.store.moveToTree(await commit(queue.store, 'both'));
    assert.deepEqual(summary(await walk(queue)), ['tree: to@example.org waiting']);
  });

  it('takes a bounce for the outcome of what it reports', async () => {
    await using queue = await openTestQueue();
    await using maker = await openTestQueue({ dir: queue.dir, worker: 'bounce-1-test' });
    const failed = await commit(queue.store, 'failed', makeEnvelope(['a@x.example', 'b@x.example']));
    await queue.store.record(failed, [{ state: 'failed', recipients: ['a@x.example', 'b@x.example'], at: 1 }]);
    const settles = { id: idOfHandle(failed), recipients: ['a@x.example'] };
    await commit(maker.store, 'a bounce', makeEnvelope(['from@example.net'], { sender: '', settles }));
    assert.deepEqual(summary(await walk(queue)), ['journal: b@x.example failed', 'journal: from@example.net waiting']);
  });

  it('takes a report of good news for the outcome of what it reports', async () => {
    await using queue = await openTestQueue();
    await using maker = await openTestQueue({ dir: queue.dir, worker: 'bounce-1-test' });
    const to = ['a@x.example', 'b@x.example', 'list@x.example'];
    const good = await commit(queue.store, 'good', makeEnvelope(to));
    await queue.store.record(good, [
      { state: 'succeeded', recipients: to.slice(0, 2), at: 1, notice: 'relayed' },
      { state: 'succeeded', recipients: to.slice(2), at: 1, notice: 'expanded', into: ['c@x.example'] },
    ]);
    for (const [recipients, as] of [
      [['a@x.example'], 'delivered'] as const,
      [['list@x.example'], 'expanded'] as const,
    ]) {
      const settles = { id: idOfHandle(good), recipients, as };
      await commit(maker.store, 'a report', makeEnvelope([`${as}@example.net`], { sender: '', settles }));
    }
    assert.deepEqual(summary(await walk(queue)), [
      'journal: b@x.example succeeded, c@x.example waiting',
      'journal: delivered@example.net waiting',
      'journal: expanded@example.net waiting',
    ]);
  });

  it('is neither held up nor stopped by what is no message', async () => {
    await using queue = await openTestQueue();
    const good = await commit(queue.store, LARGE);
    const bucket = bucketFolder(layoutOf(queue), idOfHandle(good));
    const strange = (): string => {
      for (;;) {
        const id = next();
        mkdirSync(bucketFolder(layoutOf(queue), id), { recursive: true });
        return messagePath(layoutOf(queue), id);
      }
    };
    execFileSync('mkfifo', [strange()]);
    symlinkSync('/etc/passwd', strange());
    mkdirSync(strange());
    writeFileSync(strange(), '');
    writeFileSync(strange(), Buffer.alloc(100_000));
    writeFileSync(strange(), readFileSync(messagePath(layoutOf(queue), idOfHandle(good))));
    for (const name of ['foo.tmp', 'x\ny', '..x', 'core']) writeFileSync(`${bucket}/${name}`, 'x');
    writeFileSync(`${queue.dir}/mess/file`, 'x');
    execFileSync('mkfifo', [segmentPath(layoutOf(queue), 'journal', `${next()}.acceptor-9-x`)]);
    mkdirSync(segmentPath(layoutOf(queue), 'outcome', `${next()}.smtp-9-x`));
    const corrupt: string[] = [];
    const found = await walk(queue, SPLIT, (path) => void corrupt.push(path));
    assert.deepEqual(summary(found), ['tree: to@example.org waiting']);
    assert.equal(corrupt.length, 12, corrupt.join('\n'));
  });

  it('keeps nothing open when its reader goes before the end', async () => {
    await using queue = await openTestQueue();
    const handle = await commit(queue.store, LARGE, makeEnvelope(['a@x', 'b@x']));
    await queue.store.record(handle, [{ state: 'delivered', recipients: ['a@x'], at: 1 }]);
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    for (let n = 0; n < 20; n += 1) for await (const _ of walkQueue({ dir: queue.dir, split: SPLIT })) break;
    assert.ok(open() - before < 10, `${before} descriptors before, ${open()} after`);
  });

  it('never takes a file that could not be opened for one that is empty', async () => {
    await using queue = await openTestQueue();
    const handle = await commit(queue.store, LARGE);
    await appendState({ disk, layout: layoutOf(queue) }, idOfHandle(handle), [
      delivered(idOfHandle(handle), 'to@example.org'),
    ]);
    const busy: Disk = {
      ...disk,
      readStart: () => undefined,
      open: (path) =>
        path.endsWith('.state')
          ? Promise.reject(Object.assign(new Error('EMFILE'), { code: 'EMFILE' }))
          : disk.open(path),
    };
    const walking = gather(walkQueue({ dir: queue.dir, split: SPLIT, disk: busy }));
    await assert.rejects(walking, { code: 'EMFILE' }, 'or it would be delivered again');
    assert.deepEqual(await walk(queue), []);
  });
});

describe('state files', () => {
  it('are read on behind a line that a crash tore', async () => {
    await using queue = await openTestQueue();
    const options = { disk, layout: layoutOf(queue) };
    const id = idOfHandle(await commit(queue.store, LARGE, makeEnvelope(['a@x', 'b@x', 'c@x'])));
    await appendState(options, id, [delivered(id, 'a@x')]);
    appendFileSync(statePath(options.layout, id), delivered(id, 'c@x').subarray(0, 50));
    await appendState(options, id, [delivered(id, 'b@x')]);
    assert.deepEqual(summary(await walk(queue)), ['tree: c@x waiting']);
  });

  it('are whole or an error when the disk takes only a part', async () => {
    await using queue = await openTestQueue();
    const id = idOfHandle(await commit(queue.store, LARGE));
    const full: Disk = {
      ...disk,
      async writeAt(file, buffers) {
        await file.write(Buffer.concat(buffers).subarray(0, 20));
        throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
      },
    };
    await assert.rejects(appendState({ disk: full, layout: layoutOf(queue) }, id, [delivered(id, 'to@example.org')]));
    assert.equal((await walk(queue)).length, 1);
    await appendState({ disk, layout: layoutOf(queue) }, id, [delivered(id, 'to@example.org')]);
    assert.equal((await walk(queue)).length, 0);
  });

  it('go to the deleted queue behind their message, and come back before it', async () => {
    await using queue = await openTestQueue();
    const layout = layoutOf(queue);
    const id = idOfHandle(await commit(queue.store, LARGE, makeEnvelope(['a@x', 'b@x'])));
    await appendState({ disk, layout }, id, [delivered(id, 'a@x')]);
    const order: string[] = [];
    const note = (what: string, path: string): void =>
      void order.push(`${what} ${path.slice(path.lastIndexOf('/') + 1).replace(id, 'ID')}`);
    const watched: Disk = {
      ...disk,
      link: (from, to) => (note('link', to), disk.link(from, to)),
      unlink: (path) => (existsSync(path) && note('unlink', path), disk.unlink(path)),
      syncFolder: (path) => (note('sync', path), disk.syncFolder(path)),
    };
    const bucket = bucketFolder(layout, id).slice(-2);
    await moveToDeleted({ disk: watched, layout }, id);
    const there = ['link ID', 'link ID.state', 'sync deleted', 'unlink ID', `sync ${bucket}`, 'unlink ID.state'];
    assert.deepEqual(order.splice(0), there, 'no crash leaves no message, or one without its outcomes');
    assert.deepEqual(summary(await gather(walkDeleted({ dir: queue.dir, split: SPLIT }))), ['deleted: b@x waiting']);
    await restoreFromDeleted({ disk: watched, layout }, id);
    const back = ['link ID.state', `sync ${bucket}`, 'link ID', `sync ${bucket}`];
    assert.deepEqual(order, [...back, 'unlink ID', 'sync deleted', 'unlink ID.state']);
    assert.equal(existsSync(deletedPath(layout, id)), false);
    assert.deepEqual(summary(await walk(queue)), ['tree: b@x waiting']);
  });

  it('are in the tree with their message while a crash left both in both', async () => {
    await using queue = await openTestQueue();
    const layout = layoutOf(queue);
    const id = idOfHandle(await commit(queue.store, LARGE));
    linkSync(messagePath(layout, id), deletedPath(layout, id));
    assert.deepEqual(await gather(walkDeleted({ dir: queue.dir, split: SPLIT })), []);
    assert.deepEqual(summary(await walk(queue)), ['tree: to@example.org waiting']);
    await moveToDeleted({ disk, layout }, id);
    linkSync(deletedPath(layout, id), messagePath(layout, id));
    await restoreFromDeleted({ disk, layout }, id);
    linkSync(messagePath(layout, id), deletedPath(layout, id));
    await removeFromTree({ disk, layout }, id);
    assert.deepEqual(await gather(walkDeleted({ dir: queue.dir, split: SPLIT })), []);
    assert.deepEqual(await walk(queue), []);
  });
});

describe('a changed number of buckets', () => {
  it('loses nothing: files go where their ids belong, outcomes with them', async () => {
    await using queue = await openTestQueue();
    const ids: QueueId[] = [];
    for (let i = 0; i < 40; i += 1)
      ids.push(idOfHandle(await commit(queue.store, LARGE, makeEnvelope(['a@x', 'b@x']))));
    for (const id of ids) await appendState({ disk, layout: layoutOf(queue) }, id, [delivered(id, 'a@x')]);
    const layout = layoutOf(queue, 64);
    assert.ok((await walk(queue, 64)).length < 40);
    assert.ok((await rehash({ disk, layout })).rehomed > 0);
    const found = await walk(queue, 64);
    assert.deepEqual(
      summary(found),
      Array.from(ids, () => 'tree: b@x waiting'),
    );
    assert.deepEqual(await rehash({ disk, layout }), { rehomed: 0 });
  });

  it('goes on where a crash came between', async () => {
    await using queue = await openTestQueue();
    const id = idOfHandle(await commit(queue.store, LARGE));
    const layout = layoutOf(queue);
    mkdirSync(`${queue.dir}/mess/99`);
    renameSync(messagePath(layout, id), `${queue.dir}/mess/99/${id}`);
    execFileSync('ln', [`${queue.dir}/mess/99/${id}`, messagePath(layout, id)]);
    assert.deepEqual(await rehash({ disk, layout }), { rehomed: 0 });
    assert.deepEqual(readdirSync(`${queue.dir}/mess/99`), []);
    assert.equal((await walk(queue)).length, 1);
  });
});

describe('the sweep of temporary files', () => {
  it('takes what the dead left, and asks who lives only after it looked', async () => {
    await using queue = await openTestQueue();
    const [dead, alive] = [`${next()}.acceptor-1-dead.1`, `${next()}.acceptor-2-live.1`];
    const fresh = [`${next()}.sendmail-5-x.1`, `${next()}.replacement`];
    const late = `${next()}.acceptor-3-late.1`;
    for (const name of [dead, alive, ...fresh]) writeFileSync(`${queue.dir}/tmp/${name}`, 'x');
    const removed = await sweepTemporary(layoutOf(queue), () => {
      writeFileSync(`${queue.dir}/tmp/${late}`, 'x');
      return new Set(['acceptor-2-live']);
    });
    assert.equal(removed, 1);
    assert.deepEqual(readdirSync(`${queue.dir}/tmp`).sort(), [alive, ...fresh, late].sort());
  });
});

describe('the sweep of state files', () => {
  it('leaves the young, removes the old, and takes those of deleted messages to them', async () => {
    await using queue = await openTestQueue();
    const layout = layoutOf(queue);
    const [young, old, deleted] = [next(), next(), next()];
    for (const id of [young, old, deleted]) await appendState({ disk, layout }, id, [delivered(id, 'a@x')]);
    writeFileSync(deletedPath(layout, deleted), 'the message');
    utimesSync(statePath(layout, old), 1, 1);
    assert.equal(await sweepCompanions(layout), 1);
    assert.deepEqual(
      [young, old, deleted].map((id) => existsSync(statePath(layout, id))),
      [true, false, false],
    );
    assert.ok(existsSync(deletedPath(layout, deleted, true)), 'what was delivered before the deletion is known');
  });
});

describe('outcomes that need a state file', () => {
  const two = makeEnvelope(['a@x.example', 'b@x.example']);
  const cases: [string, readonly string[], number][] = [
    ['the whole message', ['a@x.example', 'b@x.example'], 0],
    ['a part of it: the rest may get a file, and these with it', ['a@x.example'], 1],
  ];
  for (const [what, recipients, folding] of cases) {
    it(`${folding ? 'are' : 'are none when they finish'} ${what}`, async () => {
      await using queue = await openTestQueue();
      const handle: Handle = await commit(queue.store, 'x', two);
      await queue.store.read(handle);
      await queue.store.record(handle, [{ state: 'delivered', recipients, at: 1, attempts: 1 }]);
      await queue.store.close();
      const closed = queue.closed.find(({ segment }) => segment.startsWith('outcome/'));
      assert.equal(closed?.total, folding);
    });
  }

  it('are those of messages in the tree, and of messages that this process did not read', async () => {
    for (const content of [LARGE, 'small']) {
      await using queue = await openTestQueue();
      const handle = await commit(queue.store, content);
      if (content === LARGE) await queue.store.read(handle);
      await queue.store.record(handle, [{ state: 'delivered', recipients: ['to@example.org'], at: 1 }]);
      await queue.store.close();
      assert.equal(queue.closed.find(({ segment }) => segment.startsWith('outcome/'))?.total, 1);
    }
  });
});

describe('a walk', () => {
  it('says of each segment what in it is finished, empty, and left', async () => {
    await using queue = await openTestQueue();
    const done = await commit(queue.store, 'done');
    const draft = queue.store.draft(queue.store.nextId());
    await draft.write(Buffer.from('staged'));
    await draft.stage(makeEnvelope());
    const left = await commit(queue.store, 'left');
    await queue.store.record(done, [{ state: 'delivered', recipients: ['to@example.org'], at: 1 }]);
    const walking = new QueueWalk({ dir: queue.dir, split: SPLIT });
    await walking.readOutcomes();
    const [segment] = await gather(walking.segments());
    assert.deepEqual([segment?.total, segment?.finished, segment?.empty], [3, [0], [1]]);
    const messages = segment ? await gather(segment.messages()) : [];
    assert.deepEqual(
      messages.map(({ id }) => id),
      [idOfHandle(left)],
    );
    await draft.discard();
  });
});
