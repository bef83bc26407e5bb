import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Config } from '../../../src/config/config.ts';
import { reload } from '../../../src/supervisor/reload.ts';
import { writeConfig } from '../../../src/supervisor/start-up.ts';
import { ask, startStandIns, tell, until, type StandInFarm } from '../../support/supervisor/stand-in-farm.ts';

describe('reload', () => {
  let run: StandInFarm;
  const write = (config: Config): void => writeConfig(config, undefined);
  const doReload = (set: readonly string[]): ReturnType<typeof reload> =>
    reload({ supervisor: run.supervisor, load: async () => ({ config: await run.load(set) }), write });
  const port = (index = 0): number => Number(run.supervisor.sockets.addresses()[index]?.split(':').at(-1));

  before(async () => {
    run = await startStandIns();
    await run.ready;
    await until('injector', () => run.supervisor.injections.isDone('start'));
  });
  after(() => run.stop());

  it('keeps the old configuration when the new one is wrong, and logs every problem', async () => {
    const load = () => Promise.resolve({ problems: ['one', 'two'] });
    const before = readFileSync('run/config.json', 'utf8');
    const { problems } = await reload({ supervisor: run.supervisor, load, write });
    assert.deepEqual(problems, ['one', 'two']);
    assert.equal(readFileSync('run/config.json', 'utf8'), before);
    const logged = run.events.filter(({ event }) => event === 'reload-refused').map(({ fields }) => fields['problem']);
    assert.deepEqual(logged, ['one', 'two']);
  });

  it('survives a configuration that cannot even be read', async () => {
    const load = () => Promise.reject(new Error('disk on fire'));
    const { problems } = await reload({ supervisor: run.supervisor, load, write });
    assert.deepEqual(problems, ['disk on fire']);
  });

  it('replaces workers, new before old, tells scheduler and log in place, drops no session, closes no port', async () => {
    const before = new Map([...run.supervisor.farms].map(([name, farm]) => [name, [...farm.members][0]]));
    const first = port();
    const session = net.connect(first, '127.0.0.1');
    session.write('hold\n');
    await new Promise((resolve) => session.once('data', resolve));
    const { problems, renewed } = await doReload(['hostname=new.example.org']);
    assert.deepEqual(problems, []);
    assert.match(await ask(net.connect(first, '127.0.0.1'), 'pid'), /^acceptor-\d+ /);
    await renewed;
    assert.equal(port(), first);
    for (const [name, farm] of run.supervisor.farms) {
      const same = [...farm.members].some((member) => member === before.get(name) && !member.draining);
      assert.equal(same, name === 'scheduler' || name === 'log', name);
    }
    for (const farm of ['router', 'scheduler', 'smtp']) assert.match(await tell(farm, 'config'), /new\.example\.org$/);
    assert.equal(session.destroyed, false);
    session.destroy();
    assert.ok(!run.events.some(({ level, event }) => level === 'error' && event === 'exited'));
  });

  it('opens listeners that are new and closes those that are gone', async () => {
    const first = port();
    const two = 'listen=[{"address":"127.0.0.1:0","role":"mx"},{"address":"127.0.0.1:0","role":"submission"}]';
    await (
      await doReload([two])
    ).renewed;
    assert.equal(port(), first);
    const second = port(1);
    assert.match(await ask(net.connect(second, '127.0.0.1'), 'pid'), /^acceptor-/);
    await (
      await doReload([])
    ).renewed;
    assert.equal(run.supervisor.sockets.addresses().length, 1);
    await until('closed', () =>
      ask(net.connect(second, '127.0.0.1'), 'pid').then(
        () => false,
        () => true,
      ),
    );
    assert.match(await ask(net.connect(first, '127.0.0.1'), 'pid'), /^acceptor-/);
  });

  it('changes nothing when a new listener cannot be bound', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port: number } = taken.address() as net.AddressInfo;
    const { epoch } = run.supervisor;
    const { problems } = await doReload([`listen.0.address=127.0.0.1:${number}`]);
    taken.close();
    assert.match(problems[0] ?? '', /listen\.0\.address: 127\.0\.0\.1:\d+: the address is in use/);
    assert.equal(run.supervisor.epoch, epoch);
    assert.match(await ask(net.connect(port(), '127.0.0.1'), 'pid'), /^acceptor-/);
  });

  it('takes over new bounds', async () => {
    await (
      await doReload(['farms.router.least=2'])
    ).renewed;
    assert.equal(
      [...(run.supervisor.farms.get('router')?.members ?? [])].filter((member) => !member.draining).length,
      2,
    );
  });

  it('says that a moved socket takes effect at the next start only', async () => {
    await (
      await doReload(['farms.smtp.socket=run/elsewhere.sock'])
    ).renewed;
    assert.ok(run.events.some(({ event, fields }) => event === 'next-start' && fields['key'] === 'farms.smtp.socket'));
    assert.match(await tell('smtp', 'pid'), /^smtp-/);
  });

  it('leaves messages in the buckets where running workers look for them, until the next start', async () => {
    const { split } = run.supervisor.config.queue;
    await (
      await doReload([`queue.split=${split + 1}`])
    ).renewed;
    assert.ok(run.events.some(({ event, fields }) => event === 'next-start' && fields['key'] === 'queue.split'));
    const { queue } = JSON.parse(readFileSync('run/config.json', 'utf8')) as Config;
    assert.deepEqual([queue.split, run.supervisor.config.queue.split], [split, split]);
  });
});
