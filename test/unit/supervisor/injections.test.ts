import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { describe, it } from 'node:test';
import { startStandIns, tell, until } from '../../support/supervisor/stand-in-farm.ts';

describe('the injector', () => {
  it('is run again, with back-off, until it went well, while the farm takes mail', async () => {
    const run = await startStandIns([], { injector: 'crash' });
    await run.ready;
    await until('two tries', () => run.history('start injector-').length >= 2);
    assert.equal(run.supervisor.injections.isDone('start'), false);
    assert.ok(run.events.some(({ event, fields }) => event === 'injector-failed' && fields['mode'] === 'start'));
    rmSync('run/behave-injector');
    await until('done', () => run.supervisor.injections.isDone('start'));
    await run.stop();
  });

  it('runs once more, not five times more, for what is asked while it runs', async () => {
    const run = await startStandIns([], { injector: 'silent' });
    await run.ready;
    for (let n = 0; n < 5; n += 1) run.supervisor.injections.request('settle');
    await until('one of each mode', () => run.supervisor.injections.members.length === 2);
    for (let n = 0; n < 5; n += 1) run.supervisor.injections.request('settle');
    assert.equal(run.supervisor.injections.members.length, 2);
    rmSync('run/behave-injector');
    await until('both up', () => run.history('start injector-').length === 2);
    for (const member of run.supervisor.injections.members) member.kill('test');
    await until('done', () => run.supervisor.injections.isDone('settle') && run.supervisor.injections.isDone('start'));
    const settles = run.history('start injector-').filter((line) => line.endsWith(' settle'));
    assert.equal(settles.length, 2);
    await run.stop();
  });

  it('looks for orphans from the time on when the first of the writers began that are gone since the last look', async () => {
    const before = Date.now();
    const run = await startStandIns();
    await run.ready;
    const looks = (): number[] =>
      run
        .history('start injector-')
        .flatMap((line) => (/ orphans (\d+)$/.exec(line)?.[1] ?? []) as string[])
        .map(Number);
    const ready = Date.now();
    await tell('router', 'exit 1');
    await until('a look', () => looks().length === 1 && run.supervisor.injections.isDone('orphans'));
    const [first = 0] = looks();
    assert.ok(first >= before && first <= ready, `${first} is when the router began`);
    await tell('router', 'exit 1');
    await until('another look', () => looks().length === 2);
    assert.ok((looks()[1] ?? 0) > ready, 'the first router was looked for');
    await run.stop();
  });

  it('does not outlive the scheduler that it talks to', async () => {
    const run = await startStandIns(['farms.injector.drain=1s'], { injector: 'silent' });
    await run.ready;
    const [walking] = run.supervisor.injections.members;
    process.kill(Number((await tell('scheduler', 'pid')).split(' ')[1]), 'SIGKILL');
    rmSync('run/behave-injector');
    walking?.kill('test does not wait for the deadline');
    await until('walked again', () => run.supervisor.injections.isDone('start'));
    const history = run.history();
    const restart = history.findIndex((line) => line.startsWith('start scheduler-2 '));
    assert.ok(restart < history.findLastIndex((line) => line.startsWith('start injector-')));
    await run.stop();
  });
});
