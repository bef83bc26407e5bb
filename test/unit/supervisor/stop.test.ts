import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pause } from '../../../src/base/deadline.ts';
import { stopInOrder } from '../../../src/supervisor/stop.ts';
import { startStandIns, tell, until } from '../../support/supervisor/stand-in-farm.ts';

describe('stopInOrder', () => {
  it('waits for what drains slowly, kills what never ends, and one that is stopped by a signal', async () => {
    const drain = ['farms.router.drain=300ms', 'farms.filter.drain=300ms'];
    const run = await startStandIns(drain, { router: 'stubborn', acceptor: 'slow' });
    await run.ready;
    const pidOf = async (farm: string): Promise<number> => Number((await tell(farm, 'pid')).split(' ')[1]);
    process.kill(await pidOf('filter'), 'SIGSTOP');
    await stopInOrder(run.supervisor);
    const ends = new Map(
      run.events.filter(({ event }) => event === 'exited').map(({ fields }) => [fields['farm'], fields]),
    );
    assert.equal(ends.get('acceptor')?.['code'], 0);
    // The skeleton ends a worker that overran, the supervisor one that does not even do that.
    assert.equal(ends.get('router')?.['code'], 75);
    assert.equal(ends.get('filter')?.['signal'], 'SIGKILL');
    assert.equal(ends.get('smtp')?.['code'], 0);
    await run.stop();
  });

  it('starts nothing in place of what ends meanwhile', async () => {
    const run = await startStandIns([], { acceptor: 'slow' });
    await run.ready;
    const stopping = stopInOrder(run.supervisor);
    const scheduler = [...(run.supervisor.farms.get('scheduler')?.members ?? [])][0];
    scheduler?.kill('test');
    await until('scheduler gone', () => scheduler?.gone === true);
    await stopping;
    assert.equal(run.history('start scheduler-').length, 1);
    await run.stop();
  });

  it('leaves the order of a stop alone when every worker gets SIGTERM too', async () => {
    const run = await startStandIns([], { acceptor: 'slow' });
    await run.ready;
    await until('injector', () => run.supervisor.injections.isDone('start'));
    const before = run.history('drain').length;
    const stopping = stopInOrder(run.supervisor);
    for (const member of run.supervisor.members()) process.kill(member.pid, 'SIGTERM');
    await stopping;
    const order = run
      .history('drain')
      .slice(before)
      .map((line) => line.split(' ')[1]?.split('-')[0]);
    assert.equal(order[0], 'acceptor');
    assert.deepEqual(order.slice(-2), ['scheduler', 'log']);
    await run.stop();
  });

  it('knows a SIGTERM to the group also when it hears of it last', async () => {
    const run = await startStandIns([], { acceptor: 'slow' });
    await run.ready;
    await until('injector', () => run.supervisor.injections.isDone('start'));
    const before = run.history('drain').length;
    for (const member of run.supervisor.members()) process.kill(member.pid, 'SIGTERM');
    await pause(100);
    await stopInOrder(run.supervisor);
    const order = run.history('drain').slice(before);
    assert.match(order[0] ?? '', /^drain acceptor-/);
    assert.match(order.at(-2) ?? '', /^drain scheduler-/);
    await run.stop();
  });
});

describe('SIGTERM to one worker', () => {
  it('replaces it, the new one first', async () => {
    const run = await startStandIns();
    await run.ready;
    const [old] = run.supervisor.farms.get('router')?.members ?? [];
    assert.ok(old);
    process.kill(old.pid, 'SIGTERM');
    await until('gone', () => old.gone);
    const history = run.history();
    const started = history.findIndex((line) => line.startsWith('start router-2 '));
    assert.ok(started >= 0 && started < history.findIndex((line) => line.startsWith('drain router-1 ')));
    await run.stop();
  });
});
