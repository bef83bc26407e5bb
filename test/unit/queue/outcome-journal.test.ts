import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Outcome } from '../../../src/mail/outcome.ts';
import { createDisk, type Disk } from '../../../src/queue/disk.ts';
import { Housekeeping } from '../../../src/queue/housekeeping.ts';
import { idOfHandle, treeHandle } from '../../../src/queue/handle.ts';
import { messagePath, statePath } from '../../../src/queue/layout.ts';
import { OutcomeLookup } from '../../../src/queue/outcome-lookup.ts';
import { createIdSource } from '../../../src/queue/queue-id.ts';
import { outcomeLine } from '../../../src/queue/record.ts';
import type { Handle } from '../../../src/queue/store.ts';
import { appendState } from '../../../src/queue/tree.ts';
import { waitFor } from '../../support/wait.ts';
import { commit, openTestQueue, SPLIT } from './support.ts';

const next = createIdSource();
const LARGE = 'x'.repeat(20_000);
const delivered = (address: string): Outcome => ({ state: 'delivered', recipients: [address], at: 1 });

describe('the outcome journal', () => {
  it('keeps at it until the disk takes an outcome: nothing goes on before', async () => {
    const disk = createDisk();
    let failing = true;
    const flaky: Disk = {
      ...disk,
      datasync: (file) => (failing ? Promise.reject(new Error('EIO')) : disk.datasync(file)),
    };
    await using queue = await openTestQueue({ disk: flaky });
    const handle = treeHandle(next());
    let done = false;
    const recording = queue.store.record(handle, [delivered('a@x')]).then(() => (done = true));
    await waitFor(() => queue.complaints.length >= 1);
    assert.equal(done, false);
    failing = false;
    await recording;
    const known = new OutcomeLookup({ disk, layout: { root: queue.dir, split: SPLIT } });
    await known.read();
    assert.deepEqual(known.of(idOfHandle(handle)), [delivered('a@x')]);
    known.close();
  });

  it('rejects at its end instead of waiting for ever', async () => {
    const disk = createDisk();
    let failing = false;
    const broken: Disk = {
      ...disk,
      datasync: (file) => (failing ? Promise.reject(new Error('EIO')) : disk.datasync(file)),
    };
    const queue = await openTestQueue({ disk: broken });
    failing = true;
    const recording = assert.rejects(queue.store.record(treeHandle(next()), [delivered('a@x')]), /EIO/);
    await waitFor(() => queue.complaints.length >= 1);
    await queue.store.close();
    await recording;
  });

  it('reads back what is too long for one line, and everything behind it', async () => {
    await using queue = await openTestQueue();
    const list = (word: string): string[] => Array.from({ length: 60_000 }, (_, i) => `${word}-${i}`.padEnd(100, 'x'));
    const many: Outcome = {
      state: 'failed',
      recipients: list('to'),
      at: 1,
      reply: { code: 550, status: '5.1.1', text: 'no' },
    };
    const alias: Outcome = { state: 'expanded', recipients: ['all@x'], at: 2, into: list('member') };
    const [one, two] = [treeHandle(next()), treeHandle(next())];
    await queue.store.record(one, [delivered('a@x'), many, alias]);
    await queue.store.record(two, [delivered('b@x')]);
    const known = new OutcomeLookup({ disk: createDisk(), layout: { root: queue.dir, split: SPLIT } });
    await known.read();
    const told = known.of(idOfHandle(one));
    known.close();
    assert.ok(told.length > 3);
    assert.deepEqual(
      told.filter(({ state }) => state === 'failed').flatMap(({ recipients }) => recipients),
      many.recipients,
    );
    const expanded = told.filter(({ state }) => state === 'expanded');
    assert.deepEqual(
      expanded.flatMap(({ into }) => into ?? []),
      alias.into,
    );
    assert.deepEqual(
      expanded.map(({ recipients }) => recipients.length),
      [...expanded.slice(1).map(() => 0), 1],
      'the alias is done last',
    );
    assert.deepEqual(known.of(idOfHandle(two)), [delivered('b@x')]);
    known.close();
  });

  it('takes no handle that is none', async () => {
    await using queue = await openTestQueue();
    await assert.rejects(queue.store.record('../x' as Handle, []), TypeError);
  });
});

describe('housekeeping', () => {
  it('removes what it is told to, and goes on where it cannot', async () => {
    await using queue = await openTestQueue();
    const layout = { root: queue.dir, split: SPLIT };
    const complaints: string[] = [];
    const complain = (event: string): void => void complaints.push(event);
    const keeping = new Housekeeping(layout, { warn: complain, error: complain, flush: async () => true });
    const handles = await Promise.all(Array.from({ length: 20 }, () => commit(queue.store, 'x'.repeat(20_000))));
    await commit(queue.store, 'small');
    await queue.store.close();
    const [segment] = readdirSync(`${queue.dir}/journal`);
    assert.equal(keeping.segmentExists(segment ?? ''), true);
    for (const handle of handles) keeping.removeMessage(handle);
    keeping.removeSegment('nonsense');
    keeping.removeSegment(`journal/${segment}`);
    keeping.removeSegment(`journal/${segment}`);
    await keeping.finish();
    assert.deepEqual(complaints, ['removal-failed']);
    assert.equal(keeping.segmentExists(segment ?? ''), false);
    const left = readdirSync(`${queue.dir}/mess`).flatMap((bucket) => readdirSync(`${queue.dir}/mess/${bucket}`));
    assert.deepEqual(left, []);
  });

  it('removes an outcome segment after the segments that were to go before it, whatever else is under way', async () => {
    await using queue = await openTestQueue();
    const layout = { root: queue.dir, split: SPLIT };
    const turns: ((inLog: boolean) => void)[] = [];
    const flush = (): Promise<boolean> => new Promise((resolve) => turns.push(resolve));
    const keeping = new Housekeeping(layout, { warn: assert.fail, error: assert.fail, flush });
    const [early, journal, late] = ['outcome/early', 'journal/covered', 'outcome/late'];
    for (const segment of [early, journal, late]) writeFileSync(`${queue.dir}/${segment}`, '');
    const there = (): string[] => [early, journal, late].filter((segment) => existsSync(`${queue.dir}/${segment}`));
    keeping.removeSegment(early);
    await waitFor(() => turns.length === 1);
    keeping.removeSegment(journal);
    keeping.removeSegment(late);
    turns[0]?.(true);
    await waitFor(() => turns.length === 2 && there()[0] !== early);
    assert.deepEqual(there(), [journal, late]);
    turns[1]?.(true);
    await keeping.finish();
    assert.deepEqual(there(), []);
  });

  it('removes state files after their messages, and outcome segments after everything', async () => {
    await using queue = await openTestQueue();
    const layout = { root: queue.dir, split: SPLIT };
    const complain = (event: string): void => assert.fail(event);
    const handle = await commit(queue.store, 'x'.repeat(20_000));
    const id = idOfHandle(handle);
    await queue.store.record(handle, [{ state: 'delivered', recipients: ['to@example.org'], at: 1 }]);
    await appendState({ disk: createDisk(), layout }, id, [outcomeLine(id, [])]);
    await queue.store.close();
    const keeping = new Housekeeping(layout, { warn: complain, error: complain, flush: () => Promise.resolve(true) });
    keeping.removeMessage(id);
    for (const name of readdirSync(`${queue.dir}/outcome`)) keeping.removeSegment(`outcome/${name}`);
    await keeping.finish();
    assert.equal(existsSync(messagePath(layout, id)), false);
    assert.equal(existsSync(statePath(layout, id)), false);
    assert.deepEqual(readdirSync(`${queue.dir}/outcome`), []);
  });

  it('removes nothing before the log has the lines that tell of it', async () => {
    await using queue = await openTestQueue();
    const layout = { root: queue.dir, split: SPLIT };
    const turns: ((inLog: boolean) => void)[] = [];
    const flush = (): Promise<boolean> => new Promise((resolve) => turns.push(resolve));
    const keeping = new Housekeeping(layout, { warn: assert.fail, error: assert.fail, flush });
    const [first, second] = [await commit(queue.store, LARGE), await commit(queue.store, LARGE)];
    const there = (): boolean[] => [first, second].map((handle) => existsSync(messagePath(layout, idOfHandle(handle))));
    keeping.removeMessage(first);
    await waitFor(() => turns.length === 1);
    keeping.removeMessage(second);
    assert.deepEqual(there(), [true, true]);
    turns[0]?.(false);
    await waitFor(() => turns.length === 2);
    assert.deepEqual(there(), [true, true], 'the log did not answer in time');
    turns[1]?.(true);
    await waitFor(() => turns.length === 3);
    await waitFor(() => there()[0] === false);
    assert.deepEqual(there(), [false, true]);
    const finished = keeping.finish();
    turns[2]?.(false);
    await finished;
    assert.deepEqual(there(), [false, false]);
  });

  it('keeps outcome segments as long as a file stays that could not be removed', async () => {
    await using queue = await openTestQueue();
    const layout = { root: queue.dir, split: SPLIT };
    const complaints: string[] = [];
    const complain = (event: string): void => void complaints.push(event);
    const keeping = new Housekeeping(layout, { warn: complain, error: complain, flush: () => Promise.resolve(true) });
    const handle = await commit(queue.store, 'x'.repeat(20_000));
    const path = messagePath(layout, idOfHandle(handle));
    const outcomes = async (): Promise<string[]> => {
      const worker = await openTestQueue({ dir: queue.dir, worker: 'smtp-1-test' });
      await worker.store.record(handle, [delivered('a@x')]);
      await worker.store.close();
      for (const { segment } of worker.closed) keeping.removeSegment(segment);
      await keeping.finish();
      return readdirSync(`${queue.dir}/outcome`);
    };
    renameSync(path, `${path}.away`);
    // No unlink takes this away.
    mkdirSync(path);
    keeping.removeMessage(idOfHandle(handle));
    assert.equal((await outcomes()).length, 1);
    assert.equal((await outcomes()).length, 2);
    rmdirSync(path);
    renameSync(`${path}.away`, path);
    assert.deepEqual(await outcomes(), []);
    assert.equal(existsSync(path), false, 'tried again');
    assert.deepEqual(new Set(complaints), new Set(['removal-failed']));
  });
});
