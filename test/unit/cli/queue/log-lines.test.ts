import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readLogLines } from '../../../../src/cli/queue/log-lines.ts';
import { makeTemp } from '../../../support/temp.ts';

const line = (time: string, id: string): string => `${JSON.stringify({ time, event: 'attempt', id })}\n`;

test('reads the current file and rotated ones, packed or not, in order of time', async () => {
  const folder = makeTemp('log');
  writeFileSync(
    path.join(folder, 'mailfarm.log'),
    line('2026-01-03T00:00:00Z', 'a') + line('2026-01-03T00:00:01Z', 'b'),
  );
  writeFileSync(path.join(folder, 'mailfarm.log.1'), line('2026-01-02T00:00:00Z', 'a'));
  writeFileSync(path.join(folder, 'mailfarm.log.2.gz'), gzipSync(line('2026-01-01T00:00:00Z', 'a')));
  writeFileSync(path.join(folder, 'other.log'), line('2026-01-01T00:00:00Z', 'a'));
  const { lines, cut } = await readLogLines('"a"', folder);
  assert.deepEqual(
    lines.map((one) => one.time.slice(0, 10)),
    ['2026-01-01', '2026-01-02', '2026-01-03'],
  );
  assert.equal(cut, false);
});

test('torn and foreign lines are passed over, a missing folder is an empty log', async () => {
  const folder = makeTemp('log');
  writeFileSync(
    path.join(folder, 'mailfarm.log'),
    `{"time":"2026-01-01","id":"a\nnull a\n"a"\n[1,"a"]\n${line('2026-01-01', 'a')}`,
  );
  assert.ok((await readLogLines('a', folder)).lines.length >= 1);
  assert.deepEqual((await readLogLines('a', path.join(folder, 'none'))).lines, []);
});
