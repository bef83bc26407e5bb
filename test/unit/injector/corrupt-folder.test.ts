import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { it } from 'node:test';
import { createCorruptFolder } from '../../../src/injector/corrupt-folder.ts';
import { openTestQueue, SPLIT } from '../queue/support.ts';
import { listLog } from './support.ts';

it('the corrupt folder keeps a copy of each damaged record, however fast they come', async (t) => {
  await using queue = await openTestQueue();
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  const { log, events } = listLog();
  const corrupt = createCorruptFolder({ root: queue.dir, split: SPLIT }, log);
  const records = Array.from({ length: 20 }, (_, i) => `record ${i}`);
  await Promise.all(records.map((bytes) => corrupt.setAside('SEGMENT', 'damaged', Buffer.from(bytes))));
  const folder = `${queue.dir}/corrupt`;
  const kept = readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`, 'utf8'));
  assert.deepEqual(kept.toSorted(), records.toSorted());
  assert.equal(events.length, records.length);
});
