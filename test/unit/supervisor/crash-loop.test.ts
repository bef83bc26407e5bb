import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { startStandIns, tell, until, type StandInFarm } from '../../support/supervisor/stand-in-farm.ts';

describe('a farm that crashes at every start', () => {
  let run: StandInFarm;
  before(async () => {
    run = await startStandIns([], { filter: 'crash' });
    await until('others', () =>
      [...run.supervisor.farms.values()].every((farm) => farm.name === 'filter' || farm.accepting),
    );
  });
  after(() => run.stop());

  it('is throttled, and logged as throttled', async () => {
    await until('throttled', () => run.events.some(({ event }) => event === 'throttled'));
    const farm = run.supervisor.farms.get('filter');
    assert.ok((farm?.throttledMs ?? 0) > 0);
    assert.ok(run.events.every(({ event, fields }) => event !== 'throttled' || fields['farm'] === 'filter'));
    assert.ok((farm?.restarts ?? 0) <= 3);
  });

  it('leaves the other farms alone', async () => {
    for (const farm of run.supervisor.farms.values())
      if (farm.name !== 'filter') assert.equal(farm.restarts, 0, farm.name);
    assert.match(await tell('router', 'pid'), /^router-1 /);
  });

  it('is started no sooner by those who want it', async () => {
    const restarts = run.supervisor.farms.get('filter')?.restarts;
    for (let n = 0; n < 5; n += 1) await tell('router', 'wake filter');
    assert.ok((run.supervisor.farms.get('filter')?.restarts ?? 0) <= (restarts ?? 0) + 1);
  });

  it('comes up by itself when the fault is gone', async () => {
    rmSync('run/behave-filter');
    await until('filter', () => run.supervisor.farms.get('filter')?.accepting === true);
    await run.ready;
  });
});
