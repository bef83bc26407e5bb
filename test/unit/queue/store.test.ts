import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { createDisk, type Disk } from '../../../src/queue/disk.ts';
import { idOfHandle } from '../../../src/queue/handle.ts';
import { messagePath } from '../../../src/queue/layout.ts';
import type { Handle } from '../../../src/queue/store.ts';
import { messageLine } from '../../../src/queue/record.ts';
import { scanSegment } from '../../../src/queue/scan-segment.ts';
import { commit, contentOf, gather, makeEnvelope, makeLongest, openTestQueue, SPLIT } from './support.ts';

const MESSAGE = 'Subject: hello\r\n\r\nbody\r\n';

describe('the store', () => {
  it('gives back what was committed, small and large', async () => {
    await using queue = await openTestQueue();
    for (const size of [0, 1, 9_999, 10_001, 700_000]) {
      const content = 'x'.repeat(size);
      const handle = await commit(queue.store, content);
      const read = await queue.store.read(handle);
      assert.equal(read.kind, 'found');
      assert.equal(read.kind === 'found' && read.message.size, size);
      assert.equal(await contentOf(queue.store, handle), content);
    }
  });

  it('keeps a large message in a file of its own whose envelope is longer than the room in front', async () => {
    await using queue = await openTestQueue();
    const many = Array.from({ length: 2000 }, (_, i) => `recipient-${i}@example.org`);
    const content = Array.from({ length: 60_000 }, (_, i) => String(i)).join('\n');
    const handle = await commit(queue.store, content, makeEnvelope(many));
    const read = await queue.store.read(handle);
    assert.equal(read.kind === 'found' && read.message.envelope.recipients.length, 2000);
    assert.equal(await contentOf(queue.store, handle), content);
  });

  it('keeps files and folders for its own user only', async () => {
    await using queue = await openTestQueue();
    const handle = await commit(queue.store, 'x'.repeat(20_000));
    const path = messagePath({ root: queue.dir, split: SPLIT }, idOfHandle(handle));
    assert.equal(statSync(path).mode & 0o777, 0o600);
    for (const name of readdirSync(queue.dir)) assert.equal(statSync(`${queue.dir}/${name}`).mode & 0o777, 0o700, name);
  });

  it('shows a staged message to the filters, and forgets it when it is discarded', async () => {
    await using queue = await openTestQueue();
    for (const content of [MESSAGE, 'y'.repeat(50_000)]) {
      const draft = queue.store.draft(queue.store.nextId());
      await draft.write(Buffer.from(content));
      const staged = await draft.stage(makeEnvelope());
      assert.equal(await contentOf(queue.store, staged), content);
      await draft.discard();
    }
    assert.deepEqual(readdirSync(`${queue.dir}/tmp`), []);
  });

  it('tells in pieces of a segment in which very many messages came to nothing', async () => {
    await using queue = await openTestQueue({ settings: { segment: 1e9 } });
    const stage = async (): Promise<void> => {
      const draft = queue.store.draft(queue.store.nextId());
      await draft.stage(makeEnvelope());
      await draft.discard();
    };
    for (let i = 0; i < 51; i += 1) await Promise.all(Array.from({ length: 1000 }, stage));
    await queue.store.close();
    assert.deepEqual(
      queue.closed.map(({ total, finished }) => [total, finished.length]),
      [
        [0, 50_000],
        [51_000, 1000],
      ],
    );
  });

  it('leaves nothing behind of a quarantined message when the disk is full', async () => {
    let full = false;
    const disk = createDisk();
    const writeAt: Disk['writeAt'] = (...args) =>
      full ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) : disk.writeAt(...args);
    await using queue = await openTestQueue({
      disk: { ...disk, writeAt, append: (path) => ((full = true), disk.append(path)) },
    });
    const draft = queue.store.draft(queue.store.nextId());
    await draft.write(Buffer.from(MESSAGE));
    await assert.rejects(draft.quarantine(makeEnvelope(), 'a virus'), { name: 'StorageFull' });
    full = false;
    await draft.discard();
    const bucket = dirname(messagePath({ root: queue.dir, split: SPLIT }, draft.id));
    assert.deepEqual([readdirSync(`${queue.dir}/tmp`), readdirSync(bucket)], [[], []]);
  });

  it('reads back the longest envelope, small and large, and takes no longer one', async () => {
    await using queue = await openTestQueue({ settings: { segment: 1e9 } });
    const { store, dir } = queue;
    const contents = [MESSAGE, 'y'.repeat(50_000)];
    const handles: Handle[] = [];
    for (const content of contents) {
      const id = store.nextId();
      const longest = makeLongest((envelope) =>
        messageLine({ id, length: content.length, staged: false, envelope }, 0),
      );
      const longer = { ...longest, recipients: [...longest.recipients, { address: 'one@more' }] };
      for (const end of ['stage', 'commit', 'quarantine'] as const) {
        const draft = store.draft(store.nextId());
        await draft.write(Buffer.from(content));
        await assert.rejects(draft[end](longer, 'a virus'), TypeError, end);
        await draft.discard();
      }
      const draft = store.draft(id);
      await draft.write(Buffer.from(content));
      handles.push(await draft.commit(longest));
      // The record behind it is found as well.
      handles.push(await commit(store, content));
    }
    assert.deepEqual(readdirSync(`${dir}/tmp`), []);
    const found = await Promise.all(handles.map((handle) => contentOf(store, handle)));
    assert.deepEqual(found, [contents[0], contents[0], contents[1], contents[1]]);
    const trees = readdirSync(`${dir}/mess`, { recursive: true, withFileTypes: true }).filter((it) => it.isFile());
    assert.equal(trees.length, 2, 'no state and no message of those that were refused');
    await store.close();
    const [segment = ''] = readdirSync(`${dir}/journal`);
    await using file = await open(`${dir}/journal/${segment}`);
    const kinds = (await gather(scanSegment(file, 10_000))).map(({ kind }) => kind);
    assert.deepEqual(kinds, ['record', 'record', 'record', 'end']);
  });

  it('commits a staged message unchanged, with lines put on top, and with other content', async () => {
    await using queue = await openTestQueue();
    for (const content of [MESSAGE, `Subject: large\r\n\r\n${'z'.repeat(50_000)}`]) {
      const stage = async (): Promise<ReturnType<typeof queue.store.draft>> => {
        const draft = queue.store.draft(queue.store.nextId());
        await draft.write(Buffer.from(content));
        await draft.stage(makeEnvelope());
        return draft;
      };
      assert.equal(await contentOf(queue.store, await (await stage()).commit(makeEnvelope())), content);
      const marked = await (await stage()).commit(makeEnvelope(), { prepend: 'X-Mark: yes\r\n' });
      assert.equal(await contentOf(queue.store, marked), `X-Mark: yes\r\n${content}`);
      const draft = await stage();
      await queue.store.writeReplacement(draft.id as string as Handle, Buffer.from('other'));
      assert.equal(await contentOf(queue.store, await draft.commit(makeEnvelope(), { replaced: true })), 'other');
    }
    assert.deepEqual(readdirSync(`${queue.dir}/tmp`), [], 'nothing is left behind');
  });

  it('says of changed content no more that it is plain', async () => {
    await using queue = await openTestQueue();
    const plainOf = async (changes?: { readonly prepend: string }): Promise<boolean | undefined> => {
      const draft = queue.store.draft(queue.store.nextId());
      await draft.write(Buffer.from(MESSAGE));
      const read = await queue.store.read(await draft.commit({ ...makeEnvelope(), plain: true }, changes));
      return read.kind === 'found' ? read.message.envelope.plain : false;
    };
    assert.equal(await plainOf(), true);
    assert.equal(await plainOf({ prepend: 'X-Mark: yes\r\n' }), undefined);
  });

  it('finds a message that moved to the tree by its old handle', async () => {
    await using queue = await openTestQueue();
    const handle = await commit(queue.store, MESSAGE);
    assert.equal(await queue.store.moveToTree(handle), true);
    assert.equal(await queue.store.moveToTree(handle), true, 'twice does no harm');
    assert.equal(await contentOf(queue.store, handle), MESSAGE);
    assert.equal(await contentOf(queue.store, idOfHandle(handle) as string as Handle), MESSAGE);
  });

  it('says missing for what is gone and corrupt for what is no handle', async () => {
    await using queue = await openTestQueue();
    assert.equal((await queue.store.read(queue.store.nextId() as string as Handle)).kind, 'missing');
    assert.equal((await queue.store.read('../../etc/passwd' as Handle)).kind, 'corrupt');
  });

  it('tells of closed segments with what in them came to nothing', async () => {
    await using queue = await openTestQueue();
    await commit(queue.store, MESSAGE);
    const dropped = queue.store.draft(queue.store.nextId());
    await dropped.write(Buffer.from(MESSAGE));
    await dropped.stage(makeEnvelope());
    await dropped.discard();
    const kept = queue.store.draft(queue.store.nextId());
    await kept.write(Buffer.from(MESSAGE));
    await kept.stage(makeEnvelope());
    await kept.commit(makeEnvelope());
    await queue.store.close();
    const [journal] = queue.closed.filter(({ segment }) => segment.startsWith('journal/'));
    // 0 is the first message, 1 the dropped, 2 the kept one, 3 its accept record.
    assert.deepEqual([journal?.total, journal?.finished], [4, [1, 3]]);
  });

  it('refuses without a trace when any step of a commit fails', async () => {
    for (const step of ['create', 'writeAt', 'datasync', 'syncFolder'] as const) {
      for (const content of [MESSAGE, 'w'.repeat(30_000)]) {
        const disk = createDisk();
        let failing = false;
        const fail = (): Promise<never> => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }));
        const broken: Disk = {
          ...disk,
          [step]: (...args: never[]) =>
            failing ? fail() : (disk[step] as never as (...a: never[]) => unknown)(...args),
        };
        await using queue = await openTestQueue({ disk: broken });
        failing = true;
        await assert.rejects(commit(queue.store, content), { name: 'StorageFull' }, step);
        assert.equal(queue.store.hasRoom(), false);
        failing = false;
        for (const bucket of readdirSync(`${queue.dir}/mess`)) {
          assert.deepEqual(readdirSync(`${queue.dir}/mess/${bucket}`), [], `${step}: refused, so nowhere`);
        }
        assert.equal(await contentOf(queue.store, await commit(queue.store, content)), content, `${step}: heals`);
        assert.deepEqual(readdirSync(`${queue.dir}/tmp`), [], step);
      }
    }
  });

  it('refuses new mail below the configured room and takes it above', async () => {
    await using full = await openTestQueue({ settings: { freeSpace: Number.MAX_SAFE_INTEGER } });
    assert.equal(full.store.hasRoom(), false);
    await using empty = await openTestQueue();
    assert.equal(empty.store.hasRoom(), true);
  });

  it('never replaces a file: an id that is in the tree already is an error', async () => {
    await using queue = await openTestQueue();
    const id = queue.store.nextId();
    const write = async (content: string): Promise<Handle> => {
      const draft = queue.store.draft(id);
      await draft.write(Buffer.from(content));
      return draft.commit(makeEnvelope());
    };
    const handle = await write('a'.repeat(20_000));
    await assert.rejects(write('b'.repeat(20_000)), { name: 'AlreadyInTree' });
    assert.equal(await contentOf(queue.store, handle), 'a'.repeat(20_000));
  });

  it('lets many writers and readers work in one bucket without collision', async () => {
    await using first = await openTestQueue({ settings: { split: 1 } });
    await using second = await openTestQueue({ dir: first.dir, worker: 'acceptor-2-test', settings: { split: 1 } });
    const stores = [first.store, second.store];
    const handles = await Promise.all(Array.from({ length: 200 }, (_, i) => commit(stores[i % 2]!, `message ${i}`)));
    // Two lanes of one worker, and another worker.
    const moves = handles.flatMap((handle) => [first, first, second].map(({ store }) => store.moveToTree(handle)));
    await Promise.all(moves);
    const contents = await Promise.all(handles.map((handle, i) => contentOf(stores[(i + 1) % 2]!, handle)));
    assert.deepEqual(
      contents,
      handles.map((_, i) => `message ${i}`),
    );
  });
});
