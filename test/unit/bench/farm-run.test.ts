/** A tiny benchmark from end to end: it works, its numbers add up, and nothing is left behind. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { runBench, type BenchPlan } from '../../bench/farm-run.ts';
import { problemsOf } from '../../bench/table.ts';
import { makeTemp, removeTemp } from '../../support/temp.ts';

const PLAN: BenchPlan = {
  size: 1024,
  sessions: 4,
  messages: 200,
  runs: 2,
  warmUpSeconds: 0,
  idleSeconds: 0.1,
  filters: false,
  runSeconds: 240,
  set: [],
};

describe('runBench', () => {
  const folder = makeTemp('bench');
  after(() => removeTemp(folder));

  it('delivers all that was accepted, once', async () => {
    const said: string[] = [];
    const figures = await runBench({ ...PLAN, folder, warmUpSeconds: 0.1 }, (line) => said.push(line));
    assert.equal(figures.runs.length, 2);
    assert.equal(figures.warmUpMessages, 5000);
    for (const run of figures.runs) {
      const { accepted, delivered, distinct } = run;
      assert.deepEqual({ accepted, delivered, distinct }, { accepted: 200, delivered: 200, distinct: 200 });
      assert.deepEqual(problemsOf(run), []);
      assert.ok(run.acceptedPerSecond > 0 && run.deliveredPerSecond > 0);
      const processes = Object.keys(run.memory);
      for (const role of ['supervisor', 'acceptor-1', 'router-1', 'scheduler-1', 'smtp-1', 'log-1']) {
        assert.ok(processes.includes(role), `${role} is in ${processes.join()}`);
      }
      for (const ms of Object.values(run.cpuMs)) assert.ok(ms >= 0);
    }
    assert.ok(Object.values(figures.idle?.memory ?? {}).every((kib) => kib > 1000));
    assert.ok(!existsSync(figures.folder), 'the folders are gone');
    assert.ok(said.some((line) => line.includes('run 2 of 2')));
  });

  it('lets mail wait in the queue meanwhile, and counts syncs', async () => {
    const plan = { ...PLAN, folder, runs: 1, idleSeconds: 0, waiting: 30, syncDelayMs: 0 };
    const { runs, syncs = {} } = await runBench(plan, () => {});
    assert.deepEqual(
      runs.map(({ accepted, distinct }) => [accepted, distinct]),
      [[200, 200]],
    );
    assert.ok((syncs['acceptor'] ?? 0) > 0 && (syncs['smtp'] ?? 0) > 0, JSON.stringify(syncs));
  });

  it('tells of refusals, and ends', async () => {
    const plan = {
      ...PLAN,
      folder,
      size: 2000,
      messages: 40,
      runs: 1,
      warmUpSeconds: 0,
      idleSeconds: 0,
      set: ['limits.messageSize=1KiB'],
    };
    const { runs, idle } = await runBench(plan, () => {});
    assert.equal(idle, undefined);
    const run = runs[0] ?? assert.fail('a run');
    assert.equal(run.accepted, 0);
    assert.equal(run.delivered, 0);
    assert.match(problemsOf(run)[0] ?? '', /: 552/);
  });

  it('leaves nothing behind when the farm does not start', async () => {
    await assert.rejects(
      runBench({ ...PLAN, folder, set: ['no.such.key=1'] }, () => {}),
      /no\.such|no: unknown|78/,
    );
  });
});
