/**
 * Whatever happens to the mail of tenants – trouble, lost lanes, commands, new limits, lanes of their own – every recipient is delivered
 * exactly once in the end, the books balance, and nothing that counts is left behind.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { Hop } from '../../../src/mail/outcome.ts';
import { imbalanceOf } from '../../../src/scheduler/books.ts';
import type { TenantRules } from '../../../src/scheduler/tenants.ts';
import { waitFor } from '../../support/wait.ts';
import { deferred, delivered, openRig, routed, RULES, type GivenJob, type Rig } from './support.ts';

const TENANTS = ['default', 'shop', 'news', 'gone'];
const HOPS: Hop[] = [1, 2, 3].map((n) => ({ channel: 'smtp', next: `[192.0.2.${n}]:25` }));
const trouble = { code: 451, status: '4.4.1', text: 'connection refused' };

const who = fc.nat(TENANTS.length - 1);
const limits = fc.record(
  {
    weight: fc.integer({ min: 1, max: 5 }),
    rate: fc.record({ perSecond: fc.constantFrom(1 / 3600, 50, 1000), burst: fc.integer({ min: 1, max: 10 }) }),
    lanes: fc.nat(2),
    dedicated: fc.nat(2),
  },
  { requiredKeys: ['weight', 'lanes', 'dedicated'] },
);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ what: fc.constant('take' as const), who, times: fc.integer({ min: 1, max: 12 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant('apply' as const), rules: fc.array(limits, { maxLength: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('dedicate' as const), who, lanes: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constantFrom('claim' as const, 'giveBack' as const, 'turn' as const) }),
  },
);
/** What becomes of the next jobs, again and again. */
const fates = fc.array(fc.constantFrom('deliver', 'deliver', 'deliver', 'defer', 'trouble', 'lose'), {
  minLength: 1,
  maxLength: 30,
});

interface Account {
  /** Deliveries by message and recipient. */
  readonly copies: Map<string, number>;
  readonly lost: Set<string>;
}

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function table(rules: readonly Partial<TenantRules>[]): Map<string, TenantRules> {
  const plain: TenantRules = { weight: 1, lanes: 0, dedicated: 0 };
  return new Map(rules.map((row, i) => [TENANTS[i] ?? '', { ...plain, ...row }]));
}

/** Answers a job as it is told, and notes what was delivered. What costs lane after lane would be held: each costs one. */
function answer(given: GivenJob, fate: string | undefined, { copies, lost }: Account): void {
  const { handle, to, attempts } = given.job;
  if (fate === 'lose' && lost.size < lost.add(`${handle} ${to.join()}`).size) return given.peer.close();
  if (fate === 'defer') return deferred(given, Date.now() + 5);
  if (fate === 'trouble') {
    const [at, until] = [Date.now(), Date.now() + 5];
    return given.done([{ state: 'deferred', recipients: to, at, attempts: attempts + 1, until, hop: given.lane.hop }], {
      trouble,
    });
  }
  for (const one of to) copies.set(`${handle} ${one}`, (copies.get(`${handle} ${one}`) ?? 0) + 1);
  delivered(given);
}

async function perform(rig: Rig, todo: readonly Step[], taken: Set<string>): Promise<void> {
  const claimed: string[] = [];
  const ids: string[] = [];
  for (const one of todo) {
    if (one.what === 'take')
      for (let i = 0; i < one.times; i += 1) {
        const message = routed(i % 3 === 0 ? HOPS.slice(0, 2) : [HOPS[(i + one.who) % 3]!], {
          tenant: TENANTS[one.who] ?? '',
        });
        ids.push(message.id);
        for (const { to } of message.parts) for (const address of to) taken.add(`${message.handle} ${address}`);
        rig.conductor.take(message);
      }
    else if (one.what === 'apply') rig.conductor.homes.applyTenants(table(one.rules));
    else if (one.what === 'dedicate') rig.conductor.homes.dedicate(TENANTS[one.who] ?? '', one.lanes);
    else if (one.what === 'claim') claimed.push(...rig.claims.claim(ids.filter((_, i) => i % 2 === 0)).ids);
    else if (one.what === 'giveBack') rig.claims.giveBack(claimed.splice(0));
    else await new Promise((resolve) => setTimeout(resolve, 2));
    assert.equal(imbalanceOf(rig.books()), 0);
  }
  rig.claims.giveBack(claimed);
}

async function checkEnd(rig: Rig, taken: ReadonlySet<string>, copies: ReadonlyMap<string, number>): Promise<void> {
  const { conductor, index, claims } = rig;
  const state = (): string => {
    const bins = [...conductor.homes.bins.all()].map(
      ({ key, waiting, ready, until, lanes }) =>
        `${key}: ${waiting} wait, ${ready} may go, until ${until}, ${lanes.size} lanes`,
    );
    return `${conductor.ledger.size} messages in memory, ${index.size} rows\n${bins.join('\n')}`;
  };
  await waitFor(() => conductor.ledger.size === 0 && index.size === 0, { what: state });
  assert.deepEqual(
    [...taken].filter((one) => copies.get(one) !== 1),
    [],
    'each recipient exactly once',
  );
  assert.equal(copies.size, taken.size);
  await waitFor(() => [...conductor.dispatcher.lanes].every((lane) => lane.open));
  conductor.dispatcher.closeIdle();
  for (const { name, queued } of conductor.homes.tenants.all()) assert.deepEqual([name, queued], [name, 0]);
  assert.deepEqual([conductor.active, conductor.dispatcher.lanes.size, claims.recipients], [0, 0, 0]);
  await waitFor(() => [...conductor.homes.bins.all()].length === 0, { what: state });
}

it('every recipient is delivered once in the end, and all counts are 0', async () => {
  const sizes = fc.record({ window: fc.constantFrom(1, 15, 1000), smtp: fc.integer({ min: 1, max: 5 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fates, sizes, async (todo, fate, { window, smtp }) => {
      const account: Account = { copies: new Map(), lost: new Set() };
      const taken = new Set<string>();
      let chaos = true;
      let n = 0;
      await using rig = await openRig({
        rules: {
          lanes: { ...RULES.lanes, perChannel: { ...RULES.lanes.perChannel, smtp } },
          retry: { ...RULES.retry, times: [5, 10] },
          window,
        },
        work: (given) => answer(given, chaos ? fate[(n += 1) % fate.length] : 'deliver', account),
      });
      await perform(rig, todo, taken);
      chaos = false;
      rig.conductor.homes.applyTenants(table([{}, {}]));
      await checkEnd(rig, taken, account.copies);
    }),
    { numRuns: 60, interruptAfterTimeLimit: 40_000, endOnFailure: true },
  );
});
