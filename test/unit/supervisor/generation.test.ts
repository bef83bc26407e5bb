import assert from 'node:assert/strict';
import { symlinkSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { nextGeneration } from '../../../src/supervisor/generation.ts';
import { makeTemp } from '../../support/temp.ts';

describe('nextGeneration', () => {
  it('never gives the same twice, also when the clock goes back or stands still', () => {
    const file = join(makeTemp(), 'generation');
    const given = [1000, 1000, 500, 2000, 0].map((now) => nextGeneration(file, { now }));
    assert.equal(new Set(given).size, given.length);
    const numbers = given.map((text) => Number.parseInt(text, 36));
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
  });

  it('is fit for a worker name: small letters and digits', () => {
    assert.match(nextGeneration(join(makeTemp(), 'generation')), /^[a-z0-9]{8,9}$/);
  });

  it('goes on from the clock when the file is nonsense', () => {
    const file = join(makeTemp(), 'generation');
    writeFileSync(file, '../../etc/passwd\n'.repeat(100));
    assert.equal(nextGeneration(file, { now: 36 ** 3 }), '1000');
  });

  it('writes through no link', () => {
    const dir = makeTemp();
    writeFileSync(join(dir, 'precious'), 'precious');
    symlinkSync(join(dir, 'precious'), join(dir, 'generation.new'));
    nextGeneration(join(dir, 'generation'));
    assert.equal(readFileSync(join(dir, 'precious'), 'utf8'), 'precious');
  });
});
