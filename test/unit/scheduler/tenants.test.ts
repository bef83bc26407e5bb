import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SteadyClock } from '../../../src/base/steady-clock.ts';
import { Tenant, Tenants, tellTenants, type TenantRules } from '../../../src/scheduler/tenants.ts';
import { waitFor } from '../../support/wait.ts';

const PLAIN: TenantRules = { weight: 1, lanes: 0, dedicated: 0 };
const bin = (name: string): { name: string } => ({ name });

/** Tenants of which each bin that wakes does one job after another, as long as it may, and stalls again. */
function openTenants(rules: Partial<TenantRules>): {
  tenants: Tenants<{ name: string }>;
  tenant: Tenant<{ name: string }>;
  woken: string[];
} {
  const clock = new SteadyClock();
  const lane = {};
  const woken: string[] = [];
  const tenants = new Tenants<{ name: string }>({
    clock,
    onRoom: (one, where) => {
      while (one.mayGo(lane, clock.ticks())) {
        one.given(lane, clock.ticks());
        woken.push(where.name);
      }
      tenants.stall(one, where);
      return true;
    },
  });
  tenants.apply(new Map([['shop', { ...PLAIN, ...rules }]]));
  return { tenants, tenant: tenants.of('shop'), woken };
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((what) => what === 'Timeout').length;
}

describe('a tenant', () => {
  it('without limits may always go, to any lane', () => {
    const tenant = new Tenant('shop');
    for (let i = 0; i < 1000; i += 1) {
      assert.equal(tenant.mayGo({}, 0), true);
      tenant.given({}, 0);
    }
    assert.equal(tenant.room(0), Infinity);
    assert.equal(tenant.left({}, 1), false);
  });

  it('has mail in no more lanes than it may, and as many jobs in those as they take', () => {
    const tenant = new Tenant('shop');
    tenant.rules = { ...PLAIN, lanes: 2 };
    const [a, b, c] = [{}, {}, {}];
    for (const lane of [a, a, b]) {
      assert.equal(tenant.mayGo(lane, 0), true);
      tenant.given(lane, 0);
    }
    assert.deepEqual([tenant.mayGo(c, 0), tenant.mayGo(a, 0), tenant.room(0)], [false, true, 0]);
    assert.equal(tenant.left(a, 1), false, 'one more is in that lane');
    assert.equal(tenant.left(a, 1), true);
    assert.deepEqual([tenant.mayGo(c, 0), tenant.room(0)], [true, 1]);
    assert.equal(tenant.left(c, 1), false, 'it had nothing there');
  });

  it('keeps a new limit from the next job on, and counts none below zero', () => {
    const tenant = new Tenant('shop');
    const lane = {};
    tenant.given(lane, 0);
    tenant.rules = { ...PLAIN, lanes: 1 };
    assert.equal(tenant.left(lane, 1), false);
    tenant.given(lane, 0);
    assert.equal(tenant.mayGo({}, 0), false);
    tenant.rules = { ...PLAIN, lanes: 2 };
    assert.equal(tenant.room(0), 1, 'what is under way by the limit before is known');
    tenant.rules = PLAIN;
    assert.equal(tenant.left(lane, 1), false);
    assert.equal(tenant.room(0), Infinity);
  });

  it('keeps its pace through a reload that leaves its rate as it was', () => {
    const tenant = new Tenant('shop');
    const rate = { perSecond: 1 / 3600, burst: 1 };
    tenant.rules = { ...PLAIN, rate };
    tenant.given({}, 0);
    tenant.rules = { ...PLAIN, rate: { ...rate }, weight: 7 };
    assert.equal(tenant.mayGo({}, 0), false);
    tenant.rules = { ...PLAIN, rate: { ...rate, burst: 2 } };
    assert.equal(tenant.mayGo({}, 0), true);
  });
});

describe('tenants that wait', () => {
  it('need one timer each, however often they wait', async () => {
    const { tenants, tenant, woken } = openTenants({ rate: { perSecond: 1000, burst: 1 } });
    const before = timers();
    tenants.stall(tenant, bin('a'));
    await waitFor(() => woken.length >= 100);
    const most = timers();
    tenants.close();
    // The test has one of its own while it waits.
    assert.ok(most <= before + 2, `${most} timers after ${woken.length} jobs, ${before} at first`);
    const done = woken.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(woken.length, done, 'close() leaves none');
  });

  it('wait no longer than their rate asks for', async () => {
    const { tenants, tenant, woken } = openTenants({ rate: { perSecond: 200, burst: 1 } });
    const from = performance.now();
    tenants.stall(tenant, bin('a'));
    await waitFor(() => woken.length >= 20);
    tenants.close();
    const passed = performance.now() - from;
    assert.ok(woken.length <= 1 + ((passed + 10) * 200) / 1000 + 2, `${woken.length} in ${passed} ms`);
  });

  it('are looked at when their rate has room, though a lane was what they waited for before', async () => {
    const clock = new SteadyClock();
    const [mine, other] = [{}, {}];
    let done = 0;
    const tenants: Tenants = new Tenants({
      clock,
      onRoom: (tenant, where) => {
        tenant.given(mine, clock.ticks());
        // All is in hand: this one waits for a lane, and then the room of the rate is gone.
        assert.equal(tenant.mayGo(other, clock.ticks()), false);
        tenants.stall(tenant, where);
        done += 1;
        tenant.left(mine, 1);
        tenants.stall(tenant, where);
        return true;
      },
    });
    tenants.apply(new Map([['shop', { ...PLAIN, lanes: 1, rate: { perSecond: 90, burst: 1 } }]]));
    tenants.stall(tenants.of('shop'), {});
    await waitFor(() => done >= 90, { deadline: 30_000 });
    tenants.close();
  });

  it('go on with their bins in turn, also when the first takes all the room there is', async () => {
    const { tenants, tenant, woken } = openTenants({ rate: { perSecond: 500, burst: 5 } });
    for (const name of ['a', 'b', 'c', 'd', 'e']) tenants.stall(tenant, bin(name));
    await waitFor(() => new Set(woken).size === 5);
    tenants.close();
    const runs = woken.filter((name, i) => name !== woken[i - 1]);
    assert.deepEqual(runs.slice(0, 5), ['a', 'b', 'c', 'd', 'e']);
  });

  it('are passed over where a bin cannot go, which takes no room from the others', () => {
    const woken: string[] = [];
    const tenants = new Tenants<{ name: string }>({
      clock: new SteadyClock(),
      onRoom: (_, { name }) => woken.push(name) > 0 && !name.startsWith('dead'),
    });
    tenants.apply(new Map([['shop', { ...PLAIN, lanes: 1 }]]));
    const tenant = tenants.of('shop');
    for (const name of ['dead-1', 'dead-2', 'dead-3', 'well-1', 'well-2']) tenants.stall(tenant, bin(name));
    tenants.wake(tenant);
    tenants.close();
    assert.deepEqual(woken, ['dead-1', 'dead-2', 'dead-3', 'well-1']);
    assert.equal(tenant.stalled.size, 1);
  });

  it('are all looked at once when their limits are lifted, and not for ever', () => {
    let woken = 0;
    const tenants: Tenants = new Tenants({
      clock: new SteadyClock(),
      onRoom: (tenant, where) => {
        woken += 1;
        tenants.stall(tenant, where);
        return true;
      },
    });
    tenants.apply(new Map([['shop', { ...PLAIN, lanes: 1 }]]));
    const tenant = tenants.of('shop');
    tenant.given({}, 0);
    for (let i = 0; i < 50; i += 1) tenants.stall(tenant, {});
    tenants.apply(new Map());
    tenants.close();
    assert.equal(woken, 50);
  });
});

describe('the table of tenants', () => {
  it('says whom to be fair to, and who is worth telling of', () => {
    const tenants = new Tenants({ clock: new SteadyClock(), onRoom: () => false });
    const several = (...names: string[]): boolean => {
      tenants.apply(new Map(names.map((name) => [name, PLAIN])));
      return tenants.several;
    };
    assert.deepEqual(
      [several(), several('default'), several('shop'), several('default', 'shop')],
      [false, false, true, true],
    );
    tenants.of('gone').queued = 3;
    assert.equal(tenants.of('never').queued, 0);
    assert.deepEqual(
      tellTenants(tenants)
        .map(({ name, queued }) => `${name} ${queued}`)
        .toSorted(),
      ['default 0', 'gone 3', 'shop 0'],
    );
  });

  it('gives lanes to those that are configured only, and remembers nobody else', () => {
    const tenants = new Tenants({ clock: new SteadyClock(), onRoom: () => false });
    tenants.apply(new Map([['shop', PLAIN]]));
    assert.match(tenants.whyNotDedicate('shpo', 2) ?? '', /no tenant shpo/);
    assert.match(tenants.whyNotDedicate('shop', 1001) ?? '', /1000/);
    assert.equal(tenants.whyNotDedicate('shop', 2), undefined);
    tenants.dedicate('shop', 2);
    assert.equal(tenants.of('shop').dedicated, 2);
    tenants.apply(new Map([['shop', PLAIN]]));
    assert.equal(tenants.of('shop').dedicated, 0, 'until the next reload');
    assert.equal([...tenants.all()].length, 1);
  });
});
