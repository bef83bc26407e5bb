import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePlan, type DrillArgs, type DrillPlan } from '../../../../../src/cli/mailfarm/drill/options.ts';

const ARGS: DrillArgs = {
  json: false,
  yes: false,
  for: '30s',
  rate: '20/s',
  sessions: '4',
  every: '3s',
  signal: 'KILL',
  size: '1k',
  wait: '60s',
};

function plan(args: Partial<DrillArgs> = {}): DrillPlan {
  const parsed = parsePlan({ ...ARGS, ...args });
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.why);
  return parsed.plan;
}

describe('parsePlan', () => {
  it('reads what is usual', () => {
    const { seed, ...rest } = plan();
    assert.ok(seed >= 0);
    assert.deepEqual(rest, {
      forMs: 30_000,
      rate: 20,
      size: 1024,
      messages: 600,
      sessions: 4,
      farms: undefined,
      everyMs: 3000,
      signal: 'KILL',
      waitMs: 60_000,
    });
  });

  it('reads units, lists and signals as people write them', () => {
    assert.equal(plan({ for: '5' }).forMs, 5000);
    assert.equal(plan({ rate: '60/m' }).rate, 1);
    assert.equal(plan({ rate: '2.5' }).rate, 2.5);
    assert.equal(plan({ size: '300' }).size, 300);
    assert.equal(plan({ size: '10KiB' }).size, 10_240);
    assert.equal(plan({ size: '0.5M' }).size, 524_288);
    assert.equal(plan({ signal: 'sigterm' }).signal, 'TERM');
    assert.equal(plan({ seed: '0' }).seed, 0);
    assert.deepEqual(plan({ kill: 'smtp, Router,smtp' }).farms, ['router', 'smtp']);
  });

  it('sends no more messages than rate and time allow', () => {
    assert.equal(plan({ messages: '5' }).messages, 5);
    assert.equal(plan({ messages: '5000' }).messages, 600);
  });

  const wrong: [Partial<DrillArgs>, RegExp][] = [
    [{ for: '2h' }, /^--for/],
    [{ for: '0s' }, /^--for/],
    [{ for: 'long' }, /^--for/],
    [{ rate: '501' }, /^--rate/],
    [{ rate: '0' }, /^--rate/],
    [{ rate: '5/h' }, /^--rate/],
    [{ messages: '0' }, /^--messages/],
    [{ messages: '100001' }, /^--messages/],
    [{ messages: '1e3' }, /^--messages/],
    [{ sessions: '51' }, /^--sessions/],
    [{ every: '10ms' }, /^--every/],
    [{ signal: 'STOP' }, /^--signal/],
    [{ size: '2M' }, /^--size/],
    [{ size: '10' }, /^--size/],
    [{ rate: '500', size: '1M' }, /no drill/],
    [{ wait: '1d' }, /^--wait/],
    [{ seed: '-1' }, /^--seed/],
    [{ kill: 'router,supervisor' }, /never the supervisor/],
    [{ kill: 'nobody' }, /nobody is no farm/],
    [{ kill: '' }, /is no farm/],
  ];
  for (const [args, why] of wrong) {
    it(`refuses ${JSON.stringify(args)}`, () => {
      const parsed = parsePlan({ ...ARGS, ...args });
      assert.ok(!parsed.ok);
      assert.match(parsed.why, why);
    });
  }
});
