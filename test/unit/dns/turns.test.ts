import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Turns } from '../../../src/dns/turns.ts';

/** Work that goes on until it is ended. */
function makeWork(): { readonly run: () => Promise<string>; readonly started: () => number; readonly end: () => void } {
  const ends: (() => void)[] = [];
  return {
    run: () => new Promise((resolve) => ends.push(() => resolve('done'))),
    started: () => ends.length,
    end: () => ends.shift()?.(),
  };
}

const LONG_MS = 60_000;

describe('Turns', () => {
  it('lets so many work at once, and the others in their order', async () => {
    const turns = new Turns(2, 10);
    const order: number[] = [];
    let atOnce = 0;
    let most = 0;
    const all = Array.from({ length: 6 }, (_, n) =>
      turns.run(LONG_MS, async () => {
        order.push(n);
        atOnce += 1;
        most = Math.max(most, atOnce);
        await new Promise((resolve) => setImmediate(resolve));
        atOnce -= 1;
        return n;
      }),
    );
    assert.deepEqual(await Promise.all(all), [0, 1, 2, 3, 4, 5]);
    assert.deepEqual([order, most], [[0, 1, 2, 3, 4, 5], 2]);
  });

  it('lets nobody wait where too many do', async () => {
    const turns = new Turns(1, 1);
    const work = makeWork();
    const first = turns.run(LONG_MS, work.run);
    const second = turns.run(LONG_MS, work.run);
    assert.equal(await turns.run(LONG_MS, work.run), undefined);
    work.end();
    assert.equal(await first, 'done');
    await new Promise((resolve) => setImmediate(resolve));
    work.end();
    assert.equal(await second, 'done');
  });

  it('passes over those who waited too long', async () => {
    const turns = new Turns(1, 10);
    const work = makeWork();
    const first = turns.run(LONG_MS, work.run);
    const impatient = turns.run(1, work.run);
    const patient = turns.run(LONG_MS, work.run);
    assert.equal(await impatient, undefined);
    work.end();
    await first;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(work.started(), 1);
    work.end();
    assert.equal(await patient, 'done');
  });

  it('goes on after work that fails', async () => {
    const turns = new Turns(1, 10);
    await assert.rejects(turns.run(LONG_MS, () => Promise.reject(new Error('x'))));
    assert.equal(await turns.run(LONG_MS, () => Promise.resolve('done')), 'done');
  });
});
