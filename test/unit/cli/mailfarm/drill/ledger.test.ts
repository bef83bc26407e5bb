import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DrillLedger, type Verdict } from '../../../../../src/cli/mailfarm/drill/ledger.ts';

const NOTHING: Verdict = {
  accepted: 0,
  once: 0,
  twiceUnderWay: 0,
  twiceWithoutNeed: 0,
  queued: [],
  lost: [],
  unknown: 0,
  unknownArrived: 0,
  refused: 0,
  phantoms: 0,
  damaged: 0,
};
const NONE: ReadonlySet<string> = new Set();

function filled(fill: (ledger: DrillLedger) => void): DrillLedger {
  const ledger = new DrillLedger();
  fill(ledger);
  return ledger;
}

describe('DrillLedger', () => {
  it('counts what was accepted and came once, in either order', () => {
    const ledger = filled((one) => {
      one.accept(1, 10, 'a');
      one.arrive(1, 11, true);
      one.arrive(2, 12, true);
      one.accept(2, 13, 'b');
    });
    assert.deepEqual(ledger.judge([], NONE), { ...NOTHING, accepted: 2, once: 2 });
    assert.deepEqual(ledger.acceptTimes(), [10, 13]);
    assert.deepEqual(ledger.arrivalTimes(), [11, 12]);
  });

  it('tells what is lost from what is queued, by queue id', () => {
    const ledger = filled((one) => {
      one.accept(1, 10, 'a');
      one.accept(2, 10, 'b');
      one.accept(3, 10, undefined);
    });
    assert.equal(ledger.missing().length, 3);
    const { queued, lost } = ledger.judge([], new Set(['b']));
    assert.deepEqual(queued, [{ number: 2, id: 'b' }]);
    assert.deepEqual(lost, [
      { number: 1, id: 'a' },
      { number: 3, id: undefined },
    ]);
  });

  it('lets what is in doubt come or not, and takes what was refused or never sent for a phantom', () => {
    const ledger = filled((one) => {
      one.doubt(1);
      one.doubt(2);
      one.arrive(2, 5, true);
      one.refuse(3, '554 no');
      one.refuse(4, '550 no');
      one.arrive(4, 6, true);
      one.arrive(99, 7, true);
      one.arriveStrange();
    });
    assert.deepEqual(ledger.judge([], NONE), {
      ...NOTHING,
      unknown: 2,
      unknownArrived: 1,
      refused: 2,
      phantoms: 3,
    });
    assert.equal(ledger.refusal, '554 no');
  });

  it('excuses a double only when each earlier copy came just before a kill of what delivers', () => {
    const ledger = filled((one) => {
      for (const number of [1, 2, 3, 4]) one.accept(number, 0, `${number}`);
      for (const at of [1000, 2000]) one.arrive(1, at, true);
      for (const at of [1000, 9000]) one.arrive(2, at, true);
      for (const at of [9000, 1000, 20_000]) one.arrive(3, at, true);
      one.arrive(4, 1000, true);
    });
    const verdict = ledger.judge([{ at: 1100 }], NONE);
    assert.equal(verdict.once, 1);
    assert.equal(verdict.twiceUnderWay, 2);
    // Number 3 came a second time at 9000, and nothing was killed after that.
    assert.equal(verdict.twiceWithoutNeed, 1);
    assert.equal(ledger.judge([], NONE).twiceWithoutNeed, 3);
    assert.equal(ledger.judge([{ at: 30_000 }], NONE).twiceWithoutNeed, 3, 'too late a kill');
    assert.equal(ledger.judge([{ at: 500 }], NONE).twiceWithoutNeed, 3, 'a kill before');
  });

  it('counts what arrived with another body', () => {
    const ledger = filled((one) => {
      one.accept(1, 0, 'a');
      one.arrive(1, 1, false);
    });
    assert.equal(ledger.judge([], NONE).damaged, 1);
  });
});
