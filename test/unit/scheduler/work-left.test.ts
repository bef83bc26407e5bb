import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { workLeft } from '../../../src/scheduler/work-left.ts';
import { waitFor } from '../../support/wait.ts';
import { deferred, HOP, openRig, routed, RULES, type Rig } from './support.ts';

const trouble = { code: 451, status: '4.4.1', text: 'connection refused' };
const LATER = { retry: { ...RULES.retry, times: [1e6] } };

function look({ conductor, claims, index }: Rig, count = true): ReturnType<typeof workLeft> {
  return workLeft({ conductor, claims, index }, count);
}

describe('what is left to do', () => {
  it('is nothing where nothing came', async () => {
    await using rig = await openRig();
    const { busy, taken, left, delivered } = look(rig);
    assert.deepEqual([busy, taken, left, delivered], [false, 0, 0, 0]);
  });

  it('is something while a job is with a worker, and nothing once it waits for its time', async () => {
    await using rig = await openRig();
    rig.conductor.take(routed());
    await waitFor(() => rig.jobs.length === 1);
    assert.deepEqual([look(rig).busy, look(rig).inDelivery], [true, 1]);
    deferred(rig.jobs[0]!, Date.now() + 1e6);
    await waitFor(() => !look(rig).busy);
    const { left, taken, reported, inDelivery } = look(rig);
    assert.deepEqual([left, taken, reported, inDelivery], [1, 1, 1, 0]);
  });

  it('is nothing behind a next hop in trouble, and counts a message with several hops once', async () => {
    await using rig = await openRig({
      rules: LATER,
      work(given) {
        const at = Date.now();
        const { to: recipients, attempts } = given.job;
        const { hop } = given.lane;
        given.done([{ state: 'deferred', recipients, at, until: at + 1e6, attempts: attempts + 1, hop }], { trouble });
      },
    });
    const other = { channel: 'smtp', next: '[192.0.2.9]:25' } as const;
    for (let n = 0; n < 20; n += 1) rig.conductor.take(routed([HOP, other]));
    await waitFor(() => !look(rig).busy);
    assert.equal(look(rig).left, 20);
    assert.equal(look(rig, false).left, 40);
  });

  it('is something where a bin waits for a worker of ours', async () => {
    await using rig = await openRig();
    const bin = rig.conductor.homes.bins.of(HOP, rig.conductor.homes.tenants.of('default'));
    rig.conductor.trouble(bin, trouble, 60_000);
    rig.conductor.take(routed());
    assert.equal(look(rig).busy, true);
    await using dead = await openRig({ rules: LATER });
    dead.conductor.trouble(dead.conductor.homes.bins.of(HOP, dead.conductor.homes.tenants.of('default')), trouble);
    dead.conductor.take(routed());
    assert.equal(look(dead).busy, false, 'the next hop itself is in trouble');
  });

  it('is something while the injector walks, and while a command has a message', async () => {
    await using rig = await openRig();
    rig.conductor.ledger.walkBegins();
    assert.equal(look(rig).busy, true);
    rig.conductor.ledger.walkEnds();
    const hop = { channel: 'smtp', next: 'x' } as const;
    const message = routed([], { parts: [{ hop, to: ['a@x'], until: Date.now() + 1e6 }] });
    rig.conductor.take(message);
    assert.equal(look(rig).busy, false);
    rig.claims.claim([message.id]);
    assert.equal(look(rig).busy, true);
    rig.claims.giveBack([message.id]);
    assert.equal(look(rig).busy, false);
  });
});
