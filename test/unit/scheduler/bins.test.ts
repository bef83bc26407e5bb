import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Bins, type BinTenant } from '../../../src/scheduler/bins.ts';
import { Tenant } from '../../../src/scheduler/tenants.ts';
import { newPart, type Message, type WorkPart } from '../../../src/scheduler/work.ts';

const nobody: BinTenant = new Tenant('default');
const hop = { channel: 'smtp', next: 'x' } as const;
const message: Message = {
  id: 'id',
  facts: { handle: 'h', sender: '', received: 0, tenant: 'default', size: 1 },
  parts: new Set(),
  parked: false,
  stays: false,
};
const part = (attempts: number, name: string): WorkPart =>
  newPart(message, { hop, to: [name], attempts, warned: false });

describe('a bin', () => {
  it('takes new mail and retries in turn, each in its order', () => {
    const bin = new Bins().of(hop, nobody);
    for (const name of ['n1', 'n2', 'n3', 'n4']) bin.push(part(0, name), nobody);
    for (const name of ['r1', 'r2']) bin.push(part(1, name), nobody);
    const order = Array.from({ length: 6 }, () => bin.shift()?.to[0]);
    assert.deepEqual(order, ['n1', 'r1', 'n2', 'r2', 'n3', 'n4']);
    assert.equal(bin.shift(), undefined);
  });

  it('puts first what was begun before, and passes over what is gone', () => {
    const bin = new Bins().of(hop, nobody);
    const gone = part(0, 'gone');
    for (const one of [gone, part(0, 'a')]) bin.push(one, nobody);
    bin.unshift(part(0, 'first'), nobody);
    gone.gone = true;
    assert.deepEqual([bin.shift()?.to, bin.shift()?.to, bin.shift()], [['first'], ['a'], undefined]);
  });

  it('tells how many are before a part, and looks at no more than 10,000', () => {
    const bin = new Bins().of(hop, nobody);
    const parts = Array.from({ length: 12_000 }, (_, n) => part(0, `n${n}`));
    for (const one of parts) bin.push(one, nobody);
    const line = bin.findLine(nobody);
    const placeOf = (n: number): unknown => line?.placeOf(parts[n] as WorkPart);
    assert.deepEqual(placeOf(9_999), { ahead: 9_999, looks: 9_999 });
    assert.deepEqual(placeOf(11_999), { ahead: 10_000, looks: 10_000 });
    for (const one of parts.slice(0, 10_000)) one.gone = true;
    assert.deepEqual(placeOf(10_000), { ahead: 0, looks: 10_000 });
    assert.deepEqual(placeOf(11_999), { ahead: 10_000, looks: 10_000 }, 'what is gone is looked at too');
  });

  it('is one for each hop, and forgotten when nothing is in it', () => {
    const bins = new Bins();
    const bin = bins.of(hop, nobody);
    assert.equal(bins.of({ ...hop }, nobody), bin);
    const line = bin.lineOf(nobody);
    bin.setParked(line, 1);
    bins.tidy(bin);
    assert.equal([...bins.all()].length, 1);
    bin.setParked(line, 0);
    bin.until = 5;
    bins.tidy(bin);
    assert.equal(bins.byKey(bin.key), bin);
    bin.until = 0;
    bins.tidy(bin);
    assert.deepEqual([...bins.all()], []);
  });
});
