import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TenantDesk } from '../../../src/acceptor/tenant-desk.ts';
import { TenantLoad } from '../../../src/acceptor/tenant-load.ts';
import type { Config, TenantSettings } from '../../../src/config/config.ts';
import { makeHello } from '../../../src/ipc/hello.ts';
import type { Frame } from '../../../src/ipc/messages.ts';
import { listenForPeers, type PeerServer } from '../../../src/ipc/listen.ts';
import { makeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const NOTHING: TenantSettings = {
  networks: [],
  logins: [],
  senders: [],
  from: [],
  weight: 1,
  queue: 0,
  lanes: 0,
  dedicated: 0,
};
const from = (domain: string): Buffer => Buffer.from(`From: a@${domain}\r\n\r\n`);

interface Scheduler extends AsyncDisposable {
  readonly path: string;
  /** Frames that wait for their answer. */
  readonly asked: (() => void)[];
  queued: number;
  /** Answers at once. */
  answers: boolean;
  connections: number;
  server: PeerServer;
}

/** A scheduler that says how much waits for the tenant "shop". */
async function openScheduler(path = `${makeTemp('load')}/x.sock`): Promise<Scheduler> {
  const scheduler: Omit<Scheduler, 'server'> = {
    path,
    asked: [],
    queued: 0,
    answers: true,
    connections: 0,
    [Symbol.asyncDispose]: async () => await server.close(),
  };
  const server = await listenForPeers({
    path,
    self: makeHello({ farm: 'scheduler', worker: 'scheduler-1-test' }),
    onPeer: (peer) => {
      scheduler.connections += 1;
      peer.onFrame = (frame: Frame) => {
        if (frame.t !== 'tenants?') return;
        const answer = (): void => {
          const tenants = [{ name: 'shop', queued: scheduler.queued, stalled: 0, dedicated: 0 }];
          peer.send({ t: 'tenants', n: frame.n, tenants });
        };
        if (scheduler.answers) answer();
        else scheduler.asked.push(answer);
      };
    },
  });
  return Object.assign(scheduler, { server });
}

function openLoad(path: string, troubles: string[] = []): TenantLoad {
  const self = makeHello({ farm: 'acceptor', worker: 'acceptor-1-test' });
  return new TenantLoad({ address: path, self, everyMs: 5, onTrouble: (why) => void troubles.push(why) });
}

function openDesk(rows: Readonly<Record<string, Partial<TenantSettings>>>, load?: TenantLoad): TenantDesk {
  const tenants: Config['tenants'] = Object.fromEntries(
    Object.entries(rows).map(([name, row]) => [name, { ...NOTHING, ...row }]),
  );
  return new TenantDesk(tenants, load);
}

describe('how much waits for a tenant', () => {
  it('is what the scheduler says, and what came in since', async () => {
    await using scheduler = await openScheduler();
    scheduler.queued = 7;
    const load = openLoad(scheduler.path);
    await waitFor(() => load.queued('shop') === 7);
    scheduler.answers = false;
    await waitFor(() => scheduler.asked.length === 1);
    for (let i = 0; i < 3; i += 1) load.accepted('shop');
    assert.deepEqual([load.queued('shop'), load.queued('other')], [10, 0]);
    scheduler.queued = 8;
    scheduler.asked[0]?.();
    await waitFor(() => load.queued('shop') === 11, { what: 'what came after the question is not in its answer' });
    load.close();
  });

  it('keeps what came in before a question that nobody has answered yet', async () => {
    await using scheduler = await openScheduler();
    scheduler.queued = 1;
    const load = openLoad(scheduler.path);
    await waitFor(() => load.queued('shop') === 1);
    scheduler.answers = false;
    await waitFor(() => scheduler.asked.length === 1);
    load.accepted('shop');
    scheduler.asked[0]?.();
    await waitFor(() => scheduler.asked.length === 2);
    assert.equal(load.queued('shop'), 2);
    load.close();
  });

  it('is asked for again when the scheduler comes back, and counts on meanwhile', async () => {
    const troubles: string[] = [];
    const first = await openScheduler();
    first.queued = 3;
    const load = openLoad(first.path, troubles);
    await waitFor(() => load.queued('shop') === 3);
    await first[Symbol.asyncDispose]();
    await waitFor(() => troubles.length > 0);
    load.accepted('shop');
    assert.equal(load.queued('shop'), 4);
    await using second = await openScheduler(first.path);
    second.queued = 2;
    await waitFor(() => load.queued('shop') === 2);
    load.close();
    await waitFor(() => second.connections > 0);
  });
});

describe('the desk of tenants', () => {
  it('refuses mail of a tenant whose queue is full, and of no other', async () => {
    await using scheduler = await openScheduler();
    scheduler.queued = 2;
    const load = openLoad(scheduler.path);
    const desk = openDesk({ shop: { queue: 3 }, free: {} }, load);
    await waitFor(() => load.queued('shop') === 2);
    scheduler.answers = false;
    await waitFor(() => scheduler.asked.length === 1);
    assert.equal(desk.judge('shop'), undefined);
    desk.accepted('shop');
    const refused = desk.judge('shop');
    assert.deepEqual([refused?.code, refused?.status, refused?.reason], [452, '4.3.1', 'tenant-full']);
    for (const name of ['free', 'default', 'gone', 'constructor']) assert.equal(desk.judge(name), undefined);
    desk.close();
  });

  it('asks no scheduler where nobody’s queue has a limit', () => {
    assert.equal(TenantDesk.hasLimits({ a: NOTHING, b: { ...NOTHING, lanes: 2 } }), false);
    assert.equal(TenantDesk.hasLimits({ a: NOTHING, b: { ...NOTHING, queue: 2 } }), true);
    assert.equal(openDesk({ shop: { queue: 1 } }).judge('shop'), undefined);
  });

  it('lets the header say whose mail it is only where nothing else does, and of trusted clients', () => {
    const desk = openDesk({ shop: { from: ['shop.test'] }, known: { senders: ['known.test'] } });
    const [trusted, stranger] = [{ trusted: true }, { trusted: false }];
    assert.equal(desk.ofSender(trusted, 'a@known.test'), 'known');
    assert.equal(desk.ofSender(trusted, 'a@else.test'), undefined);
    assert.equal(desk.ofSender(stranger, 'a@else.test'), 'default');
    assert.deepEqual([desk.ofHeader(from('shop.test')), desk.ofHeader(from('else.test'))], ['shop', 'default']);
    assert.equal(openDesk({ known: {} }).ofSender(trusted, 'a@else.test'), 'default');
  });

  it('does not let the header speak where the row of "default" itself knows the sender', () => {
    const desk = openDesk({ default: { senders: ['own.test'] }, shop: { from: ['shop.test'] } });
    assert.equal(desk.ofSender({ trusted: true }, 'a@own.test'), 'default');
  });
});
