import assert from 'node:assert/strict';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readDrillLease, removeDrillLease, writeDrillLease } from '../../../src/process/drill-lease.ts';
import { makeTemp } from '../../support/temp.ts';

const RUN = 'ab'.repeat(16);

describe('the lease of a drill', () => {
  const folder = makeTemp('lease');
  mkdirSync(join(folder, 'run'));
  const file = join(folder, 'run/drill.json');

  it('is there for its run alone, until it is removed', () => {
    assert.equal(readDrillLease(RUN, file), undefined);
    writeDrillLease({ run: RUN, port: 2525 }, file);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readDrillLease(RUN, file), { run: RUN, port: 2525 });
    assert.equal(readDrillLease('cd'.repeat(16), file), undefined);
    removeDrillLease(file);
    removeDrillLease(file);
    assert.equal(readDrillLease(RUN, file), undefined);
  });

  it('runs out when it is not renewed, and is none of the far future', () => {
    writeDrillLease({ run: RUN, port: 2525 }, file);
    assert.equal(readDrillLease(RUN, file, Date.now() + 61_000), undefined);
    assert.equal(readDrillLease(RUN, file, Date.now() - 600_000), undefined);
  });

  it('is none where the file holds anything else', () => {
    const until = Date.now() + 30_000;
    const good = { run: RUN, port: 25, until };
    writeFileSync(file, JSON.stringify(good));
    assert.ok(readDrillLease(RUN, file));
    const wrong = [
      { ...good, port: 0 },
      { ...good, port: 65_536 },
      { ...good, port: '25' },
      { ...good, until: 'x' },
    ];
    for (const text of ['', 'null', '[]', '{', ...[...wrong, { run: RUN }].map((one) => JSON.stringify(one))]) {
      writeFileSync(file, text);
      assert.equal(readDrillLease(RUN, file), undefined, text);
    }
  });
});
