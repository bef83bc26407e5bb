import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { describe, it } from 'node:test';
import { WaitingIndex } from '../../../src/queue/waiting-index.ts';
import { makeTemp } from '../../support/temp.ts';

const ids = (rows: readonly { id: string }[]): string[] => rows.map((row) => row.id);

describe('the index of what waits', () => {
  it('gives rows back when they are due, oldest first, once', () => {
    const index = new WaitingIndex(':memory:');
    for (const due of [30, 10, 20, 40]) index.add({ id: `m${due}`, bin: 'b', due, data: `${due}`, recipients: 1 });
    assert.equal(index.nextDue(), 10);
    assert.deepEqual(ids(index.takeDue(30, 2)), ['m10', 'm20']);
    assert.deepEqual(ids(index.takeDue(30, 9)), ['m30']);
    assert.deepEqual([index.size, index.nextDue(), index.hasId('m40'), index.hasId('m10')], [1, 40, true, false]);
    index.close();
  });

  it('gives what waits for a bin in the order in which it came, and never by time', () => {
    const index = new WaitingIndex(':memory:');
    for (const id of ['x', 'y', 'z'])
      index.add({ id, bin: id === 'y' ? 'other' : 'b', due: 0, data: '', recipients: 1 });
    assert.equal(index.nextDue(), undefined);
    assert.deepEqual(index.takeDue(1e15, 10), []);
    assert.deepEqual(ids(index.takeOfBin('b', 10)), ['x', 'z']);
    assert.deepEqual(ids(index.takeOfId('y')), ['y']);
    assert.deepEqual([index.size, index.takeOfBin('b', 10), index.takeOfId('y')], [0, [], []]);
    index.close();
  });

  it('counts what a bin takes before a row, up to a bound', () => {
    const index = new WaitingIndex(':memory:');
    const add = (id: string, bin = 'b', due = 0): void => index.add({ id, bin, due, data: '', recipients: 1 });
    for (const id of ['x', 'y', 'z']) add(id);
    add('other', 'c');
    add('later', 'b', 5);
    const before = (id: string): readonly number[] => index.rowsOfId(id).map((row) => index.countBefore(row));
    assert.deepEqual(['x', 'y', 'z', 'other'].map(before), [[0], [1], [2], [0]]);
    index.takeOfBin('b', 1);
    assert.deepEqual(['y', 'z'].map(before), [[0], [1]]);
    for (let n = 0; n < 10_001; n += 1) add(`m${n}`);
    add('last');
    assert.deepEqual(before('last'), [10_000]);
    index.close();
  });

  it('starts empty, whatever lay there: it is never the truth', () => {
    const path = `${makeTemp('index')}/index.db`;
    writeFileSync(path, 'this is no database');
    writeFileSync(`${path}-journal`, 'nor this a journal');
    const first = new WaitingIndex(path);
    first.add({ id: 'x', bin: 'b', due: 0, data: "'; DROP TABLE waiting; --", recipients: 1 });
    assert.equal(first.takeOfBin('b', 1)[0]?.data, "'; DROP TABLE waiting; --");
    first.add({ id: 'x', bin: 'b', due: 0, data: '', recipients: 1 });
    first.close();
    const second = new WaitingIndex(path);
    assert.equal(second.hasId('x'), false);
    second.close();
    assert.deepEqual(readdirSync(path.slice(0, path.lastIndexOf('/'))), ['index.db']);
  });

  it('takes all rows or none, where the disk gives a part of them back only', () => {
    const path = `${makeTemp('index')}/index.db`;
    const index = new WaitingIndex(path);
    // More than it keeps in memory, so that it asks the disk again.
    for (let n = 0; n < ROWS; n += 1)
      index.add({ id: idOf(n), bin: 'b', due: 0, data: 'x'.repeat(10_000), recipients: 1 });
    spoilPageWith(path, idOf(ROWS / 2));
    assert.throws(() => index.takeOfBin('b', ROWS), /malformed/);
    assert.equal(index.size, ROWS);
    assert.deepEqual(ids(index.takeOfBin('b', 2)), [idOf(0), idOf(1)]);
    index.close();
  });
});

const ROWS = 3000;
const PAGE = 4096;
/** First byte of a page that holds the end of an index. */
const INDEX_LEAF = 0x0a;

const idOf = (n: number): string => `id-${String(n).padStart(16, '0')}`;

/** The page of the index by id: the rows can be read, but not deleted. */
function spoilPageWith(path: string, id: string): void {
  const bytes = readFileSync(path);
  const file = openSync(path, 'r+');
  for (let at = 0; at < bytes.length; at += PAGE) {
    const page = bytes.subarray(at, at + PAGE);
    if (page[0] === INDEX_LEAF && page.includes(id)) writeSync(file, Buffer.alloc(PAGE, 0xff), 0, PAGE, at);
  }
  closeSync(file);
}
