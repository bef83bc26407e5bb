import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StageBalance } from '../../../src/process/stage-balance.ts';

describe('the balance of a stage', () => {
  const look = (figures: readonly (readonly [number, number, number])[]): number[] => {
    const told: number[] = [];
    const balance = new StageBalance((missing) => told.push(missing));
    for (const [entered, left, inHand] of figures) balance.look({ entered, left, inHand });
    return told;
  };
  const minute = (figures: readonly [number, number, number]) => Array.from({ length: 200 }, () => figures);

  it('holds while what entered has left or is in hand, whatever there is of it', () => {
    assert.deepEqual(look([...minute([7, 5, 2]), ...minute([90, 90, 0])]), []);
  });

  it('tells once of what is missing for a minute, and of what is there twice', () => {
    assert.deepEqual(look(minute([7, 5, 1])), [1]);
    assert.deepEqual(look(minute([7, 7, 1])), [-1]);
  });

  it('says nothing of what is between two hands for a moment, and of a role that keeps no count', () => {
    const busy = Array.from({ length: 500 }, (_, at): [number, number, number] => [at, at - (at % 7 === 0 ? 1 : 0), 0]);
    assert.deepEqual(look(busy), []);
    const told: number[] = [];
    const balance = new StageBalance((missing) => told.push(missing));
    for (let n = 0; n < 200; n += 1) balance.look({ busy: 1 });
    assert.deepEqual(told, []);
  });
});
