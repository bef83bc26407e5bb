import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { WaitingIndex } from '../../../src/queue/waiting-index.ts';
import { makeTemp } from '../../support/temp.ts';

const ids = (rows: readonly { id: string }[]): string[] => rows.map((row) => row.id);

describe('the index of what waits', () => {
  it('gives rows back when they are due, oldest first, once', () => {
    const index = new WaitingIndex(':memory:');
    for (const due of [30, 10, 20, 40]) index.add({ id: `m${due}`, bin: 'b', due, data: `${due}` });
    assert.equal(index.nextDue(), 10);
    assert.deepEqual(ids(index.takeDue(30, 2)), ['m10', 'm20']);
    assert.deepEqual(ids(index.takeDue(30, 9)), ['m30']);
    assert.deepEqual([index.size, index.nextDue(), index.hasId('m40'), index.hasId('m10')], [1, 40, true, false]);
    index.close();
  });

  it('gives what waits for a bin in the order in which it came, and never by time', () => {
    const index = new WaitingIndex(':memory:');
    for (const id of ['x', 'y', 'z']) index.add({ id, bin: id === 'y' ? 'other' : 'b', due: 0, data: '' });
    assert.equal(index.nextDue(), undefined);
    assert.deepEqual(index.takeDue(1e15, 10), []);
    assert.deepEqual(ids(index.takeOfBin('b', 10)), ['x', 'z']);
    assert.deepEqual(ids(index.takeOfId('y')), ['y']);
    assert.deepEqual([index.size, index.takeOfBin('b', 10), index.takeOfId('y')], [0, [], []]);
    index.close();
  });

  it('starts empty, whatever lay there: it is never the truth', () => {
    const path = `${makeTemp('index')}/index.db`;
    writeFileSync(path, 'this is no database');
    writeFileSync(`${path}-journal`, 'nor this a journal');
    const first = new WaitingIndex(path);
    first.add({ id: 'x', bin: 'b', due: 0, data: "'; DROP TABLE waiting; --" });
    assert.equal(first.takeOfBin('b', 1)[0]?.data, "'; DROP TABLE waiting; --");
    first.add({ id: 'x', bin: 'b', due: 0, data: '' });
    first.close();
    const second = new WaitingIndex(path);
    assert.equal(second.hasId('x'), false);
    second.close();
    assert.deepEqual(readdirSync(path.slice(0, path.lastIndexOf('/'))), ['index.db']);
  });
});
