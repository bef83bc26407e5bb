import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { messagePath, statePath, type Layout } from '../../../src/queue/layout.ts';
import { createIdSource } from '../../../src/queue/queue-id.ts';
import type { QueueId } from '../../../src/queue/store.ts';
import { treeIds, type TreeIdsOptions } from '../../../src/queue/tree-ids.ts';
import { makeTemp } from '../../support/temp.ts';
import { gather } from './support.ts';

const COUNT = 500;

/** Ids of several processes in turn, so that neither the order of making nor the buckets give the order away. */
function makeIds(count: number): QueueId[] {
  let clock = Date.now();
  const sources = Array.from({ length: 3 }, () => createIdSource(() => (clock += 1)));
  return Array.from({ length: count }, (_, i) => (sources[i % 3] as () => QueueId)());
}

function put(layout: Layout, id: QueueId, path = messagePath(layout, id)): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, 'x');
}

function fill(count = COUNT): { readonly layout: Layout; readonly ids: readonly QueueId[] } {
  const layout = { root: makeTemp('tree-ids'), split: 64 };
  const ids = makeIds(count);
  for (const id of ids) put(layout, id);
  return { layout, ids };
}

const list = (layout: Layout, options?: TreeIdsOptions): Promise<QueueId[]> => gather(treeIds(layout, options));

describe('ids of the tree', () => {
  it('come oldest first over all buckets, each once, however few are gathered in a pass', async () => {
    const { layout, ids } = fill();
    for (const batch of [1, 7, 100, COUNT - 1, COUNT, COUNT + 1, undefined]) {
      assert.deepEqual(await list(layout, { batch }), ids, `${batch} at a time`);
    }
  });

  it('are none without a tree, and those from an id on where one is named', async () => {
    assert.deepEqual(await list({ root: makeTemp('tree-ids'), split: 64 }), []);
    const { layout, ids } = fill();
    assert.deepEqual(await list(layout, { batch: 10, from: ids[COUNT - 35] as string }), ids.slice(-35));
    assert.deepEqual(await list(layout, { from: '~' }), []);
  });

  it('tell foreign names once, and neither companions nor a copy in another bucket', async () => {
    const { layout, ids } = fill(50);
    const [one] = ids as [QueueId];
    put(layout, one, statePath(layout, one));
    mkdirSync(`${layout.root}/mess/99`);
    for (const name of [one, 'core', 'x.state']) writeFileSync(`${layout.root}/mess/99/${name}`, '');
    writeFileSync(`${layout.root}/mess/file`, '');
    const foreign: string[] = [];
    assert.deepEqual(await list(layout, { batch: 5, onForeign: (path) => void foreign.push(path) }), ids);
    assert.deepEqual(
      foreign.sort(),
      ['core', 'x.state'].map((name) => `${layout.root}/mess/99/${name}`),
    );
  });

  it('go on over files that vanish and appear between passes, and end although new ones keep coming', async () => {
    const layout = { root: makeTemp('tree-ids'), split: 64 };
    const all = makeIds(COUNT + 100);
    const old = all.slice(0, COUNT);
    const later = all.slice(COUNT);
    const [early, late, vanishing] = [old[0], old[400], old[450]] as [QueueId, QueueId, QueueId];
    for (const id of old) if (id !== early && id !== late) put(layout, id);
    const seen: QueueId[] = [];
    for await (const id of treeIds(layout, { batch: 10 })) {
      seen.push(id);
      if (seen.length === 100) {
        for (const other of [early, late]) put(layout, other);
        rmSync(messagePath(layout, vanishing));
      }
      const fresh = later.pop();
      if (fresh) put(layout, fresh);
    }
    assert.deepEqual(
      seen,
      old.filter((id) => id !== early && id !== vanishing),
    );
  });
});
