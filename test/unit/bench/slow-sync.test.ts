/** The slowed disk: every form of sync goes through it, and works as before. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { makeCountsFolder, readSyncCounts, syncShim } from '../../bench/sync-counts.ts';
import { makeTemp, removeTemp } from '../../support/temp.ts';

const SCRIPT = `
import fs, { fsync } from 'node:fs';
import { open } from 'node:fs/promises';
process.title = 'mailfarm: acceptor-3';
const path = process.argv[2];
const file = await open(path, 'r+');
await file.datasync();
await file.sync();
await new Promise((resolve, reject) => fsync(file.fd, (error) => (error ? reject(error) : resolve())));
await new Promise((resolve, reject) => fs.fdatasync(file.fd, (error) => (error ? reject(error) : resolve())));
fs.fsyncSync(file.fd);
fs.fdatasyncSync(file.fd);
await file.close();
await file.sync().then(() => process.exit(3), () => {});
await new Promise((resolve) => fs.fsync(9999, (error) => (error ? resolve() : process.exit(4))));
`;

describe('slow-sync', () => {
  const folder = makeTemp('sync');
  after(() => removeTemp(folder));

  it('counts and delays, and lets errors through', () => {
    const counts = makeCountsFolder(folder);
    const script = join(folder, 'script.mjs');
    writeFileSync(script, SCRIPT);
    const started = performance.now();
    const { status, stderr } = spawnSync(process.execPath, [syncShim(20, counts), script, script], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    assert.deepEqual(readSyncCounts(counts), { acceptor: 8 });
    // A lower bound: six delays one after another, however busy the machine is.
    assert.ok(performance.now() - started > 6 * 20);
  });
});
