import assert from 'node:assert/strict';
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Outcome } from '../../../src/mail/outcome.ts';
import { createDisk } from '../../../src/queue/disk.ts';
import { segmentPath, type Layout } from '../../../src/queue/layout.ts';
import { OutcomeLookup } from '../../../src/queue/outcome-lookup.ts';
import { createIdSource } from '../../../src/queue/queue-id.ts';
import { outcomeLine } from '../../../src/queue/record.ts';
import type { QueueId } from '../../../src/queue/store.ts';
import { openTestQueue, SPLIT } from './support.ts';

const next = createIdSource();
const delivered = (address: string): Outcome => ({ state: 'delivered', recipients: [address], at: 1 });

function segment(layout: Layout, lines: readonly Buffer[]): string {
  const path = segmentPath(layout, 'outcome', `${next()}.smtp-1-test`);
  writeFileSync(path, Buffer.concat(lines));
  return path;
}

async function read(layout: Layout): Promise<OutcomeLookup & Disposable> {
  const lookup = new OutcomeLookup({ disk: createDisk(), layout });
  await lookup.read();
  return Object.assign(lookup, { [Symbol.dispose]: () => lookup.close() });
}

describe('looking up outcomes', () => {
  it('finds those of one message over more segments than stay open, in order', async () => {
    await using queue = await openTestQueue();
    const layout = { root: queue.dir, split: SPLIT };
    const ids = Array.from({ length: 50 }, next);
    const addresses = Array.from({ length: 20 }, (_, i) => `r${i}@x`);
    for (const address of addresses)
      segment(
        layout,
        ids.map((id) => outcomeLine(id, [delivered(address)])),
      );
    using lookup = await read(layout);
    for (const id of ids) assert.deepEqual(lookup.of(id), addresses.map(delivered));
    assert.deepEqual(lookup.of(next()), []);
  });

  it('passes over what is damaged, and finds nothing in a segment that is gone', async () => {
    await using queue = await openTestQueue();
    const layout = { root: queue.dir, split: SPLIT };
    const [one, two] = [next(), next()] as [QueueId, QueueId];
    const damaged = outcomeLine(one, [delivered('a@x')]);
    damaged.write('b', damaged.indexOf('a@x'));
    const path = segment(layout, [damaged, outcomeLine(two, [delivered('b@x')])]);
    using lookup = await read(layout);
    assert.deepEqual([lookup.of(one), lookup.of(two)], [[], [delivered('b@x')]]);
    lookup.close();
    rmSync(path);
    assert.deepEqual(lookup.of(two), []);
  });

  it('reads on where it ended, a record that was still being written too, and what is new', async () => {
    await using queue = await openTestQueue();
    const layout = { root: queue.dir, split: SPLIT };
    const [one, two, three] = [next(), next(), next()] as [QueueId, QueueId, QueueId];
    const growing = outcomeLine(two, [delivered('b@x')]);
    const path = segment(layout, [outcomeLine(one, [delivered('a@x')]), growing.subarray(0, 40)]);
    using lookup = await read(layout);
    assert.deepEqual([lookup.of(one), lookup.of(two)], [[delivered('a@x')], []]);
    appendFileSync(path, growing.subarray(40));
    segment(layout, [outcomeLine(three, [delivered('c@x')]), outcomeLine(one, [delivered('d@x')])]);
    for (let times = 0; times < 2; times += 1) {
      await lookup.read();
      assert.deepEqual(lookup.of(one), [delivered('a@x'), delivered('d@x')], 'nothing is noted twice');
      assert.deepEqual([lookup.of(two), lookup.of(three)], [[delivered('b@x')], [delivered('c@x')]]);
    }
  });
});
