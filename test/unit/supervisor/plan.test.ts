import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { planFarm, type MemberView } from '../../../src/supervisor/plan.ts';

type Model = { -readonly [K in keyof MemberView]: MemberView[K] };

const member = (view: Partial<MemberView> = {}): Model => ({ ready: true, draining: false, worn: false, ...view });

describe('planFarm', () => {
  it('starts what is missing, not counting those that drain', () => {
    assert.deepEqual(planFarm([], 3), { start: 3, drain: [] });
    assert.deepEqual(planFarm([member(), member({ draining: true })], 2), { start: 1, drain: [] });
  });

  it('does nothing when all is well', () => {
    assert.deepEqual(planFarm([member(), member()], 2), { start: 0, drain: [] });
  });

  it('starts one new worker in place of a worn one, then drains that', () => {
    const worn = member({ worn: true });
    assert.deepEqual(planFarm([worn, member()], 2), { start: 1, drain: [] });
    assert.deepEqual(planFarm([worn, member(), member({ ready: false })], 2), { start: 0, drain: [] });
    assert.deepEqual(planFarm([member(), worn, member()], 2), { start: 0, drain: [worn] });
  });

  it('replaces one at a time', () => {
    const all = [member({ worn: true }), member({ worn: true })];
    assert.equal(planFarm(all, 2).start, 1);
  });

  it('drains the oldest above the bound, worn ones before', () => {
    const [first, second, third] = [member(), member(), member({ worn: true })];
    assert.deepEqual(planFarm([first, second, third], 1), { start: 0, drain: [third, first] });
  });

  it('keeps ready workers while others are still starting', () => {
    assert.deepEqual(planFarm([member(), member({ ready: false })], 1), { start: 0, drain: [] });
  });

  it('never has two of a kind that must be alone, also not while one drains', () => {
    assert.deepEqual(planFarm([member({ draining: true })], 1, true), { start: 0, drain: [] });
    assert.deepEqual(planFarm([], 1, true), { start: 1, drain: [] });
    assert.deepEqual(planFarm([member({ worn: true })], 1, true), { start: 0, drain: [] });
  });

  it('comes to rest, with as many ready and unworn workers as wanted, never short of ready ones by its own doing', () => {
    const view = fc.record({ ready: fc.boolean(), draining: fc.boolean(), worn: fc.boolean() });
    fc.assert(
      fc.property(fc.array(view, { maxLength: 8 }), fc.nat(5), (start, wanted) => {
        let members: Model[] = start.map((each) => ({ ...each }));
        for (let step = 0; step < 100; step += 1) {
          const before = countReady(members);
          const plan = planFarm(members, wanted);
          for (const each of plan.drain) each.draining = true;
          if (countReady(members) < Math.min(before, wanted)) return false;
          for (let n = 0; n < plan.start; n += 1) members.push(member({ ready: false }));
          if (plan.start === 0 && plan.drain.length === 0 && members.every((each) => each.ready && !each.draining))
            break;
          // The world goes on: drained ones leave, starting ones become ready.
          members = members.filter((each) => !each.draining);
          for (const each of members) each.ready = true;
        }
        return members.length === wanted && members.every((each) => each.ready && !each.worn);
      }),
    );
  });
});

function countReady(members: readonly MemberView[]): number {
  return members.filter((each) => each.ready && !each.draining).length;
}
