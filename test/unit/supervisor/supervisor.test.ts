import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { FarmName } from '../../../src/config/config.ts';
import type { Farm } from '../../../src/supervisor/farm.ts';
import type { Member } from '../../../src/supervisor/member.ts';
import { ask, startStandIns, tell, until, type StandInFarm } from '../../support/supervisor/stand-in-farm.ts';

describe('Supervisor', () => {
  let run: StandInFarm;
  const farm = (name: FarmName): Farm => run.supervisor.farms.get(name) as Farm;
  const only = (name: FarmName): Member => [...farm(name).members].find((member) => !member.draining) as Member;
  const settled = (name: FarmName): Promise<void> => until(`${name} settled`, () => farm(name).settled);

  before(async () => {
    run = await startStandIns(['farms.lmtp.least=0']);
    await run.ready;
  });
  after(() => run.stop());

  it('is ready when every farm with a least accepts work, and not before', () => {
    for (const each of run.supervisor.farms.values()) assert.equal(each.accepting, true, each.name);
    assert.equal(farm('lmtp').members.size, 0);
  });

  it('lets router and scheduler start before the acceptors and runs the injector once', async () => {
    const order = run.history('start').map((line) => line.split(' ')[1]);
    assert.ok(order.indexOf('acceptor-1') > order.indexOf('router-1'));
    assert.ok(order.indexOf('acceptor-1') > order.indexOf('scheduler-1'));
    assert.ok(
      order.includes('injector-1') && order.indexOf('acceptor-1') > order.indexOf('injector-1'),
      'it is up in time',
    );
    await until('injector', () => run.supervisor.injections.isDone('start'));
    assert.equal(run.history('start injector-').length, 1);
    assert.match(run.history('start injector-')[0] ?? '', / start$/);
  });

  it('has each worker in live.json before it starts', () => {
    for (const line of run.history('start')) if (!line.includes('injector')) assert.match(line, / live$/);
  });

  it('makes sockets that only their owner can use', () => {
    assert.equal(statSync('run').mode & 0o777, 0o700);
    assert.equal(statSync('run/router.sock').mode & 0o777, 0o600);
  });

  it('starts a farm of nobody when a worker wakes it, and grows it up to most', async () => {
    await tell('router', 'wake lmtp');
    await until('first worker', () => farm('lmtp').members.size === 1);
    await settled('lmtp');
    for (const size of [2, 3]) {
      await until(`size ${size}`, async () => {
        await tell('router', 'wake lmtp');
        return farm('lmtp').members.size === size;
      });
      await settled('lmtp');
    }
    await tell('router', 'wake lmtp');
    await tell('router', 'pid');
    assert.equal(farm('lmtp').members.size, 3);
  });

  it('retires workers that had nothing to do, and not those that are busy', async () => {
    const [busy] = farm('lmtp').members;
    assert.ok(busy);
    busy.stats = { busy: 1 };
    farm('lmtp').retireIdle(performance.now() + 120_000);
    await until('idle ones gone', () => farm('lmtp').members.size === 1);
    assert.equal(busy.gone, false);
    busy.stats = {};
    farm('lmtp').retireIdle(performance.now() + 120_000);
    await until('all gone', () => farm('lmtp').members.size === 0);
  });

  it('strikes a worker of its own for a drill, which is replaced, and no other process', async () => {
    for (const signal of ['KILL', 'TERM'] as const) {
      const old = only('router');
      assert.deepEqual(run.supervisor.strike(old.pid, signal), { ok: true });
      await until(
        `another after SIG${signal}`,
        () => old.gone && only('router') !== undefined && farm('router').settled,
      );
    }
    for (const pid of [process.pid, 1, 0]) assert.equal(run.supervisor.strike(pid, 'KILL').ok, false);
  });

  it('replaces a worker that was killed, and runs the injector for what a writer left behind', async () => {
    const before = run.history('start injector-').length;
    const old = only('acceptor');
    process.kill(old.pid, 'SIGKILL');
    await until(
      'a new one',
      () => only('acceptor') !== undefined && only('acceptor') !== old && farm('acceptor').settled,
    );
    await until('injector', () => run.history('start injector-').length === before + 1);
    assert.match(run.history('start injector-').at(-1) ?? '', / orphans \d+$/);
    assert.ok(run.events.some(({ event, fields }) => event === 'exited' && fields['signal'] === 'SIGKILL'));
  });

  it('runs no injector for a filter that died', async () => {
    const before = run.history('start injector-').length;
    await tell('filter', 'throw');
    await until('a new filter', () =>
      run.events.some(({ fields }) => fields['code'] === 70 && fields['farm'] === 'filter'),
    );
    await settled('filter');
    assert.equal(run.history('start injector-').length, before);
  });

  it('counts an unhandled rejection as a crash', async () => {
    const old = only('smtp');
    await tell('smtp', 'reject');
    await until('gone', () => old.gone);
    assert.ok(run.events.some(({ fields }) => fields['code'] === 70 && fields['worker'] === old.name));
    await settled('smtp');
  });

  it('kills a child on a worker’s word, and nobody else’s', async () => {
    const old = only('filter');
    await tell('router', `kill ${process.pid}`);
    await tell('router', `kill ${old.pid}`);
    await until('killed', () => old.gone);
    await settled('filter');
  });

  it('runs the injector in settle mode when asked, one at a time', async () => {
    const before = run.history('start injector-').length;
    await Promise.all([tell('router', 'settle'), tell('router', 'settle'), tell('bounce', 'settle')]);
    await until('settled', () => run.supervisor.injections.isDone('settle'));
    const modes = run
      .history('start injector-')
      .slice(before)
      .map((line) => line.split(' ')[3]);
    assert.ok(modes.length >= 1 && modes.length <= 3);
    assert.deepEqual(new Set(modes), new Set(['settle']));
  });

  it('keeps a port open while its only worker is gone: connections wait', async () => {
    const port = Number(run.supervisor.sockets.addresses()[0]?.split(':')[1]);
    const old = only('acceptor');
    process.kill(old.pid, 'SIGKILL');
    const answer = await ask(net.connect(port, '127.0.0.1'), 'pid');
    assert.match(answer, /^acceptor-\d+ /);
  });

  it('replaces transports before a new scheduler starts, then injects', async () => {
    await until('no look for orphans of the test before', () => run.supervisor.injections.members.length === 0);
    const injected = run.history('start injector-').length;
    const lanes = (['smtp', 'maildir', 'bounce'] as const).map(only);
    const old = only('scheduler');
    process.kill(old.pid, 'SIGKILL');
    await until(
      'new scheduler',
      () => farm('scheduler').isOpen && farm('scheduler').settled && only('scheduler') !== old,
    );
    assert.ok(lanes.every((member) => member.gone));
    const history = run.history();
    const restart = history.findIndex((line) => line.startsWith(`start ${only('scheduler').name} `));
    for (const member of lanes)
      assert.ok(history.findIndex((line) => line.startsWith(`drain ${member.name} `)) < restart);
    await until('injector', () => run.history('start injector-').length > injected);
    assert.match(run.history('start injector-').at(injected) ?? '', / start$/);
    for (const name of ['smtp', 'maildir', 'bounce'] as const) await settled(name);
  });

  it('resizes in both directions', async () => {
    assert.deepEqual(run.supervisor.resize('acceptor', 3, 4), { ok: true });
    await until('three', () => farm('acceptor').members.size === 3 && farm('acceptor').settled);
    assert.deepEqual(run.supervisor.resize('acceptor', 1, 1), { ok: true });
    await until('one', () => farm('acceptor').members.size === 1);
    assert.equal(run.supervisor.resize('scheduler', 2, 2).ok, false);
    assert.equal(run.supervisor.resize('smtp', 3, 2).ok, false);
    assert.equal(run.supervisor.resize('injector', 1, 1).ok, false);
  });

  it('recycles a worker after its jobs: the new one first', async () => {
    farm('router').resize({ ...farm('router').bounds, least: 1, most: 1, jobs: 10 });
    const old = only('router');
    await tell('router', 'jobs 9');
    await tell('router', 'jobs 1');
    await until('recycled', () => old.gone);
    await settled('router');
    const history = run.history();
    const started = history.findIndex((line) => line.startsWith(`start ${only('router').name} `));
    assert.ok(started < history.findIndex((line) => line.startsWith(`drain ${old.name} `)));
    assert.ok(
      !run.events.some(
        ({ fields }) => fields['worker'] === old.name && fields['code'] !== 0 && fields['code'] !== undefined,
      ),
    );
  });

  it('stops in order: acceptors first, scheduler after the transports, log last', async () => {
    await run.supervisor.farms.get('lmtp')?.untilEmpty();
    const before = run.history('drain').length;
    const { stopInOrder } = await import('../../../src/supervisor/stop.ts');
    await stopInOrder(run.supervisor);
    const order = run
      .history('drain')
      .slice(before)
      .map((line) => line.split(' ')[1]?.split('-')[0]);
    assert.equal(order[0], 'acceptor');
    assert.deepEqual(order.slice(-2), ['scheduler', 'log']);
    assert.equal(run.supervisor.members().length, 0);
    assert.ok(existsSync('run/live.json'));
  });
});
