import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Report } from '../../../src/process/orders.ts';
import { Reports } from '../../../src/process/reports.ts';
import { waitFor } from '../../support/wait.ts';

describe('Reports', () => {
  const open: Reports[] = [];
  afterEach(() => {
    for (const reports of open.splice(0)) reports.stop();
  });

  /** Reports that are kept; with `stuck` none ever leaves, as when the supervisor is stopped. */
  function make(stuck = false): { readonly reports: Reports; readonly sent: Report[] } {
    const sent: Report[] = [];
    const reports = new Reports((report, done) => {
      sent.push(report);
      if (!stuck) done();
    });
    open.push(reports);
    return { reports, sent };
  }

  it('wakes a farm once while many ask, and each farm by itself', () => {
    const { reports, sent } = make();
    for (let n = 0; n < 100; n += 1) {
      reports.wake('smtp');
      reports.wake('lmtp');
    }
    assert.ok(sent.length < 10);
    assert.deepEqual(new Set(sent.map((report) => report.report === 'wake' && report.farm)), new Set(['smtp', 'lmtp']));
  });

  it('drops what the supervisor does not take', () => {
    const { reports, sent } = make(true);
    for (let n = 0; n < 1000; n += 1) reports.tell({ report: 'settle' });
    assert.equal(sent.length, 100);
    assert.equal(reports.tell({ report: 'ready' }), false);
  });

  it('tells figures when they changed, and not otherwise', async () => {
    const { reports, sent } = make();
    let busy = 1;
    reports.tellStats(() => ({ busy }));
    await waitFor(() => sent.length === 1, { what: 'first figures' });
    busy = 2;
    reports.addJobs(3, 0);
    await waitFor(() => sent.length > 1, { what: 'changed figures' });
    assert.deepEqual(sent.at(-1), { report: 'stats', jobs: 3, stats: { busy: 2 } });
  });

  it('answers who asks for the figures of this moment, changed or not', () => {
    const { reports, sent } = make();
    reports.answerFigures(1);
    assert.deepEqual(sent, [], 'there are none yet');
    reports.tellStats(() => ({ busy: 2 }));
    reports.answerFigures(2);
    reports.answerFigures(3);
    assert.deepEqual(sent, [
      { report: 'stats', jobs: 0, stats: { busy: 2 }, n: 2 },
      { report: 'stats', jobs: 0, stats: { busy: 2 }, n: 3 },
    ]);
  });

  it('says at once that a worker did its share of jobs, and says it once', () => {
    const { reports, sent } = make();
    reports.addJobs(9, 10);
    assert.equal(sent.length, 0);
    reports.addJobs(5, 10);
    reports.addJobs(5, 10);
    assert.deepEqual(sent, [{ report: 'stats', jobs: 14, stats: {} }]);
    assert.equal(reports.jobs, 19);
  });
});
