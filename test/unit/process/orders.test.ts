import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeOrder, decodeReport, type Order, type Report } from '../../../src/process/orders.ts';

describe('decodeOrder', () => {
  it('takes every order as it was sent', () => {
    const orders: Order[] = [
      { order: 'drain', deadline: 1_700_000_000_000 },
      { order: 'reload' },
      { order: 'stay' },
      { order: 'figures', n: 3 },
    ];
    for (const order of orders) assert.deepEqual(decodeOrder(structuredClone(order)), order);
  });

  it('ignores what is none', () => {
    for (const message of [
      undefined,
      null,
      1,
      'drain',
      [],
      {},
      { order: 'drain' },
      { order: 'drain', deadline: -1 },
      { order: 'figures' },
      { order: 'figures', n: 'x' },
      { order: 'x' },
    ]) {
      assert.equal(decodeOrder(message), undefined);
    }
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.anything(), (message) => (decodeOrder(message), true)));
  });
});

describe('decodeReport', () => {
  it('takes every report as it was sent', () => {
    const reports: Report[] = [
      { report: 'ready' },
      { report: 'settle' },
      { report: 'term' },
      { report: 'wake', farm: 'smtp' },
      { report: 'kill', pid: 4711, why: 'late' },
      { report: 'stats', jobs: 3, stats: { busy: 1 } },
      { report: 'stats', jobs: 3, stats: { busy: 1 }, n: 7 },
    ];
    for (const report of reports) assert.deepEqual(decodeReport(structuredClone(report)), report);
  });

  it('ignores farms that do not exist and pids that nobody may kill', () => {
    const wrong = [
      { report: 'wake', farm: '__proto__' },
      { report: 'wake' },
      { report: 'kill', pid: 1, why: '' },
      { report: 'kill', pid: -1, why: '' },
      { report: 'kill', pid: '4711', why: '' },
      { report: 'stats', jobs: 1.5, stats: {} },
      { report: 'nonsense' },
    ];
    for (const report of wrong) assert.equal(decodeReport(report), undefined, JSON.stringify(report));
  });

  it('keeps numbers only, and not too many', () => {
    const stats = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`figure${n}`, n]));
    const report = decodeReport({ report: 'stats', jobs: 0, stats: { text: 'x', nan: Number.NaN, ...stats } });
    assert.ok(report?.report === 'stats');
    assert.equal(Object.keys(report.stats).length, 100);
    assert.ok(!('text' in report.stats));
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.anything(), (message) => (decodeReport(message), true)));
  });
});
