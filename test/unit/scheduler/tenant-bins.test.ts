/** A bin with mail of several tenants: whose turn it is, who is kept back, and that its counts hold whatever is done to it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Bins, type Bin, type BinTenant, type Gate } from '../../../src/scheduler/bins.ts';
import type { Lane } from '../../../src/scheduler/lane.ts';
import { Tenant, type TenantRules } from '../../../src/scheduler/tenants.ts';
import { newPart, type Message, type WorkPart } from '../../../src/scheduler/work.ts';

const hop = { channel: 'smtp', next: 'x' } as const;
const message: Message = {
  id: 'id',
  facts: { handle: 'h', sender: '', received: 0, tenant: 'default', size: 1 },
  parts: new Set(),
  parked: false,
  stays: false,
};
const part = (name: string, attempts = 0): WorkPart => newPart(message, { hop, to: [name], attempts, warned: false });
const lane = {} as Lane<Bin>;

function tenantOf(name: string, rules: Partial<TenantRules> = {}): BinTenant {
  const tenant: BinTenant = new Tenant(name);
  tenant.rules = { weight: 1, lanes: 0, dedicated: 0, ...rules };
  return tenant;
}

function checkCounts(bin: Bin): void {
  let [length, parked, ready] = [0, 0, 0];
  for (const line of bin.lines) {
    length += line.length;
    parked += line.parked;
    if (!line.stalled) ready += line.length + line.parked;
  }
  assert.deepEqual([bin.length, bin.parked, bin.ready], [length, parked, ready]);
}

describe('a bin of several tenants', () => {
  it('takes them in turn by their weights, each in its own order', () => {
    const [small, big] = [tenantOf('small'), tenantOf('big', { weight: 3 })];
    const bin = new Bins().of(hop, small);
    for (let i = 0; i < 100; i += 1) bin.push(part(`big-${i}`), big);
    for (let i = 0; i < 20; i += 1) bin.push(part(`small-${i}`), small);
    const order = Array.from({ length: 80 }, () => bin.shift()?.to[0] ?? '');
    const ofSmall = order.filter((name) => name.startsWith('small'));
    const ofBig = order.filter((name) => name.startsWith('big'));
    assert.deepEqual([ofSmall.length, ofBig.length], [20, 60]);
    assert.deepEqual(
      ofSmall,
      Array.from({ length: 20 }, (_, i) => `small-${i}`),
    );
    assert.deepEqual(
      ofBig,
      Array.from({ length: 60 }, (_, i) => `big-${i}`),
    );
    assert.ok(
      order.slice(0, 8).some((name) => name.startsWith('small')),
      'nobody waits for the whole of another',
    );
  });

  it('counts a part with a thousand recipients for a hundred', () => {
    const [small, big] = [tenantOf('small'), tenantOf('big')];
    const bin = new Bins().of(hop, small);
    const many = Array.from({ length: 1000 }, (_, i) => `m${i}`);
    for (let i = 0; i < 10; i += 1) bin.push(newPart(message, { hop, to: many, attempts: 0, warned: false }), big);
    for (let i = 0; i < 300; i += 1) bin.push(part(`small-${i}`), small);
    const order = Array.from({ length: 203 }, () => bin.shift()?.to.length);
    const ofBig = order.filter((length) => length === 1000).length;
    assert.ok(ofBig >= 2 && ofBig <= 3, `${ofBig} of the large ones beside 200 small ones`);
  });

  it('passes over a tenant that may not go, and gives it its turn again when it may', () => {
    const [kept, free] = [tenantOf('kept'), tenantOf('free')];
    const bin = new Bins().of(hop, free);
    for (const name of ['k1', 'k2']) bin.push(part(name), kept);
    for (const name of ['f1', 'f2', 'f3']) bin.push(part(name), free);
    const stalls: BinTenant[] = [];
    let may = false;
    const gate: Gate = {
      refill: () => undefined,
      mayGo: ({ tenant }) => may || tenant === free,
      stalled: (_, { tenant }) => void stalls.push(tenant),
    };
    const take = (): string | undefined => bin.shift(gate, lane)?.to[0];
    assert.deepEqual([take(), take()], ['f1', 'f2']);
    assert.deepEqual([stalls, bin.ready, bin.waiting, [...bin.hungry()]], [[kept], 1, 3, [free]]);
    bin.push(part('k3'), kept);
    assert.equal(bin.ready, 1, 'what comes meanwhile waits too');
    assert.deepEqual([take(), take()], ['f3', undefined]);
    may = true;
    assert.equal(bin.wakeLine(kept), true);
    assert.deepEqual([take(), take(), take(), take()], ['k1', 'k2', 'k3', undefined]);
    assert.equal(bin.wakeLine(kept), false, 'it has nothing here any more');
  });

  it('is forgotten when nothing waits in it, whatever was looked at last', () => {
    const [one, other] = [tenantOf('one'), tenantOf('other')];
    const bins = new Bins();
    const bin = bins.of(hop, one);
    bin.push(part('a'), one);
    bin.push(part('b'), other);
    for (const name of ['a', 'b']) {
      bins.tidy(bin);
      assert.equal(bins.find(hop, one), bin);
      assert.equal(bin.shift()?.to[0], name);
    }
    bins.tidy(bin);
    assert.deepEqual([...bins.all()], []);
  });

  it('empties a line of what it has, and keeps nothing of it back from then on', () => {
    const [one, other] = [tenantOf('one'), tenantOf('other')];
    const bin = new Bins().of(hop, one);
    bin.push(part('x'), other);
    for (const name of ['a', 'b']) bin.push(part(name), one);
    bin.setParked(bin.lineOf(one), 7);
    bin.keepBack(bin.lineOf(one));
    assert.deepEqual([bin.ready, bin.waiting], [1, 10]);
    const { parts, parked } = bin.empty(one);
    assert.deepEqual([parts.map(({ to }) => to[0]), parked], [['a', 'b'], 7]);
    checkCounts(bin);
    bin.push(part('c'), one);
    assert.equal(bin.ready, 2, 'what comes back here may go');
    assert.deepEqual(bin.empty(tenantOf('nobody')), { parts: [], parked: 0 });
  });

  it('is one of its own where a tenant has lanes of its own', () => {
    const [own, shared] = [tenantOf('own', { dedicated: 2 }), tenantOf('shared')];
    const bins = new Bins();
    const [mine, ours] = [bins.of(hop, own), bins.of(hop, shared)];
    assert.notEqual(mine, ours);
    assert.deepEqual([mine.owner, ours.owner, bins.find(hop, own)], [own, undefined, mine]);
    const keys = [mine.lineOf(own).key, ours.lineOf(shared).key, ours.lineOf(own).key];
    assert.equal(new Set(keys).size, 3, 'the index tells them apart');
  });
});

/** Index 0 to 3 is a tenant. */
const op = fc.oneof(
  fc.record({ what: fc.constantFrom('push', 'retry', 'unshift', 'park', 'gone'), who: fc.nat(3) }),
  fc.record({ what: fc.constantFrom('shift', 'stall', 'wake', 'empty', 'evict'), who: fc.nat(3) }),
);

describe('the counts of a bin', () => {
  it('hold through any sequence, and every part comes out once', () => {
    fc.assert(
      fc.property(fc.array(op, { maxLength: 200 }), (todo) => {
        const tenants = [1, 2, 5, 1].map((weight, i) => tenantOf(`t${i}`, { weight }));
        const bin = new Bins().of(hop, tenants[0]!);
        const held = new Set<BinTenant>();
        const [inMemory, inIndex, out] = [new Map<WorkPart, BinTenant>(), new Map<BinTenant, WorkPart[]>(), new Set()];
        const came = (one: WorkPart): void => {
          assert.equal(out.has(one), false, 'once');
          out.add(one);
          inMemory.delete(one);
        };
        const gate: Gate = {
          refill: (_, line) => {
            const rows = inIndex.get(line.tenant) ?? [];
            for (const one of rows.splice(0, 3)) {
              inMemory.set(one, line.tenant);
              bin.push(one, line.tenant);
            }
            bin.setParked(line, rows.length);
          },
          mayGo: ({ tenant }) => !held.has(tenant),
          stalled: () => undefined,
        };
        const park = (one: WorkPart, tenant: BinTenant): void => {
          inMemory.delete(one);
          const rows = inIndex.get(tenant) ?? [];
          inIndex.set(tenant, [...rows, one]);
          bin.setParked(bin.lineOf(tenant), rows.length + 1);
        };
        let total = 0;
        for (const { what, who } of todo) {
          const tenant = tenants[who]!;
          if (['push', 'retry', 'unshift', 'park'].includes(what)) {
            const one = part(`p${(total += 1)}`, what === 'retry' ? 1 : 0);
            if (what === 'park') park(one, tenant);
            else {
              inMemory.set(one, tenant);
              bin[what === 'unshift' ? 'unshift' : 'push'](one, tenant);
            }
          } else if (what === 'gone') {
            const [first] = inMemory.keys();
            if (first) {
              first.gone = true;
              came(first);
            }
          } else if (what === 'shift') {
            const one = bin.shift(gate, lane);
            if (one) came(one);
          } else if (what === 'stall') held.add(tenant);
          else if (what === 'wake') {
            held.delete(tenant);
            bin.wakeLine(tenant);
          } else if (what === 'evict') {
            for (const one of bin.evict()) park(one, inMemory.get(one)!);
          } else {
            const { parts, parked } = bin.empty(tenant);
            assert.equal(parked, inIndex.get(tenant)?.length ?? 0);
            for (const one of parts) bin.push(one, tenant);
            bin.setParked(bin.lineOf(tenant), parked);
          }
          checkCounts(bin);
        }
        held.clear();
        for (const tenant of tenants) bin.wakeLine(tenant);
        for (let one = bin.shift(gate, lane); one; one = bin.shift(gate, lane)) came(one);
        assert.equal(out.size, total);
        assert.deepEqual([bin.length, bin.parked, bin.ready, [...bin.lines].length], [0, 0, 0, 0]);
      }),
    );
  });
});
