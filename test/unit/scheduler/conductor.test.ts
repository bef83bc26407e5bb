import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Hop } from '../../../src/mail/outcome.ts';
import { waitFor } from '../../support/wait.ts';
import { deferred, delivered, HOP, openRig, routed, RULES, type GivenJob } from './support.ts';

const OTHER: Hop = { channel: 'smtp', next: '[192.0.2.2]:25' };
const trouble = { code: 451, status: '4.4.1', text: 'connection refused' };

describe('the conductor', () => {
  it('gives every message to a lane of its bin, once, and finishes it', async () => {
    await using rig = await openRig({ work: delivered });
    const messages = Array.from({ length: 300 }, (_, i) => routed([i % 2 ? HOP : OTHER]));
    for (const message of messages) rig.conductor.take(message);
    for (const message of messages) rig.conductor.take(message);
    await waitFor(() => rig.conductor.counts.finished === 300);
    assert.equal(rig.jobs.length, 300);
    assert.equal(rig.conductor.counts.known, 300);
    assert.equal(rig.conductor.active, 0);
    assert.equal(rig.conductor.ledger.size, 0);
    for (const { job, lane } of rig.jobs) {
      const message = messages.find(({ handle }) => handle === job.handle);
      assert.equal(message?.parts[0]?.hop.next, lane.hop.next);
    }
    rig.conductor.take(messages[0]!);
    assert.equal(rig.conductor.counts.known, 301, 'known also when it is finished');
  });

  it('tries a deferred recipient again at its time, and not before', async () => {
    const times: number[] = [];
    let until = 0;
    await using rig = await openRig({
      work(given) {
        times.push(Date.now());
        if (given.job.attempts === 0) deferred(given, (until = Date.now() + 60));
        else delivered(given);
      },
    });
    rig.conductor.take(routed());
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.deepEqual(
      rig.jobs.map(({ job }) => job.attempts),
      [0, 1],
    );
    assert.ok((times[1] ?? 0) >= until);
    assert.equal(rig.index.size, 0);
  });

  it('has a last try for what is too old, unless its site is in trouble', async () => {
    const lifetime = 1000;
    const parts = [{ hop: HOP, to: ['a@x'], attempts: 3, reply: trouble }];
    const old = (): ReturnType<typeof routed> => routed([], { parts, received: Date.now() - 2 * lifetime });
    await using rig = await openRig({
      rules: { retry: { ...RULES.retry, lifetime, times: [1e6] } },
      work(given) {
        const { job, lane } = given;
        if (lane.hop.channel === 'bounce')
          return given.done([{ state: 'bounced', recipients: job.to, at: Date.now() }]);
        given.done([deferral(given)], { trouble });
      },
    });
    rig.conductor.take(old());
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.deepEqual(
      rig.jobs.map(({ lane }) => lane.hop.channel),
      ['smtp', 'bounce'],
    );
    assert.equal(rig.conductor.counts.troubles, 1);
  });

  it('tries a warning again that could not be stored, while its recipients go their own way', async () => {
    const [warnings, tries]: [number[], number[]] = [[], []];
    await using rig = await openRig({
      rules: { retry: { ...RULES.retry, warnAfter: 1 } },
      work(given) {
        const { job } = given;
        const list = job.kind === 'delayed' ? warnings : tries;
        list.push(Date.now());
        if (list === tries) return warnings.length < 3 ? deferred(given, Date.now() + 10) : delivered(given);
        if (warnings.length < 3) return given.done([], { trouble });
        given.done([{ state: 'warned', recipients: job.to, at: Date.now() }]);
      },
    });
    rig.conductor.take(routed([HOP], { received: Date.now() - 1000 }));
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.equal(warnings.length, 3);
    assert.ok(tries.length >= 2, `${tries.length} tries`);
    assert.equal(rig.conductor.counts.troubles, 2);
    assert.equal([...rig.conductor.homes.bins.all()].find(({ hop }) => hop.channel === 'bounce')?.troubles ?? 0, 0);
    assert.deepEqual([rig.conductor.active, rig.index.size, rig.conductor.ledger.size], [0, 0, 0]);
  });

  it('gives up a warning about mail that arrived meanwhile', async () => {
    let warnings = 0;
    await using rig = await openRig({
      rules: { retry: { ...RULES.retry, warnAfter: 1 } },
      work(given) {
        if (given.job.kind === 'delayed') {
          warnings += 1;
          given.done([], { trouble });
        } else if (warnings === 0) deferred(given, Date.now() + 10);
        else delivered(given);
      },
    });
    rig.conductor.take(routed([HOP], { received: Date.now() - 1000 }));
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.deepEqual([rig.conductor.active, rig.index.size, rig.conductor.ledger.size], [0, 0, 0]);
  });

  it('lets a bin in trouble wait as a whole, and probes it with one lane', async () => {
    let down = true;
    await using rig = await openRig({
      work(given) {
        if (down) return given.done([deferral(given)], { trouble });
        delivered(given);
      },
    });
    for (let i = 0; i < 50; i += 1) rig.conductor.take(routed());
    await waitFor(() => rig.conductor.counts.troubles >= 1);
    const [tried, { troubles }] = [rig.jobs.length, rig.conductor.counts];
    assert.ok(tried <= 4 + 2 * troubles, `${tried} tries of a dead site, ${troubles} troubles`);
    down = false;
    await waitFor(() => rig.conductor.counts.finished === 50);
    assert.equal(rig.conductor.active, 0);
  });

  it('does a job of a lost lane again, exactly once', async () => {
    let first = true;
    await using rig = await openRig({
      work(given) {
        if (first) {
          first = false;
          given.peer.close();
        } else delivered(given);
      },
    });
    for (let i = 0; i < 10; i += 1) rig.conductor.take(routed());
    await waitFor(() => rig.conductor.counts.finished === 10);
    const perMessage = Map.groupBy(rig.jobs, ({ job }) => job.handle);
    const twice = [...perMessage.values()].filter((jobs) => jobs.length === 2).length;
    assert.ok(twice >= 1 && rig.jobs.length === 10 + twice);
    assert.equal(rig.conductor.active, 0);
  });

  it('honours what a dead worker had recorded', async () => {
    await using rig = await openRig();
    const message = routed();
    rig.recorded.set(message.id, [{ state: 'delivered', recipients: ['to-0@example.org'], at: Date.now() + 1000 }]);
    rig.conductor.take(message);
    await waitFor(() => rig.jobs.length === 1);
    rig.jobs[0]?.peer.close();
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.equal(rig.jobs.length, 1, 'delivered once');
  });

  it('holds a message over which three workers died, and no other', async () => {
    await using rig = await openRig({
      rules: { lanes: { ...RULES.lanes, depth: 1, perBin: 1 } },
      work: (given) => (given.job.handle === poison.handle ? given.peer.close() : delivered(given)),
    });
    const poison = routed();
    const others = [routed(), routed()];
    for (const message of [poison, ...others]) rig.conductor.take(message);
    await waitFor(() => rig.held.length === 1 && rig.conductor.counts.finished === 2);
    assert.deepEqual(rig.held, [poison.id]);
    assert.equal(rig.removed.includes(poison.id), false, 'it stays in the queue');
    assert.equal(rig.jobs.filter(({ job }) => job.handle === poison.handle).length, 3);
  });

  it('keeps a message with held recipients, though its other parts waited in the index meanwhile', async () => {
    const later = Date.now() + 150;
    await using rig = await openRig({
      work(given) {
        if (given.lane.hop.next === OTHER.next && given.job.attempts === 0) return deferred(given, later);
        if (given.lane.hop.next === OTHER.next) return delivered(given);
        const at = Date.now();
        given.done([{ state: 'held', recipients: given.job.to, at, why: 'damaged' }], { moved: true });
      },
    });
    rig.conductor.take(routed([OTHER, HOP]));
    await waitFor(() => rig.conductor.counts.delivered === 1);
    await waitFor(() => rig.conductor.ledger.size === 0);
    assert.equal(rig.conductor.counts.finished, 0);
    assert.deepEqual(rig.removed, []);
  });

  it('holds no more in memory than its window, and loses nothing by it', async () => {
    let most = 0;
    const waiting: GivenJob[] = [];
    await using rig = await openRig({ rules: { window: 50 }, work: (given) => void waiting.push(given) });
    for (let i = 0; i < 1000; i += 1) rig.conductor.take(routed());
    assert.ok(rig.index.size >= 900);
    while (rig.conductor.counts.finished < 1000) {
      most = Math.max(most, rig.conductor.active);
      for (const given of waiting.splice(0)) delivered(given);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(most <= 60, `${most} in memory`);
    assert.deepEqual([rig.jobs.length, rig.index.size, rig.conductor.active], [1000, 0, 0]);
  });

  it('counts what has many recipients as more', async () => {
    const to = Array.from({ length: 100 }, (_, i) => `r${i}@example.org`);
    let most = 0;
    const waiting: GivenJob[] = [];
    await using rig = await openRig({ rules: { window: 500 }, work: (given) => void waiting.push(given) });
    for (let i = 0; i < 300; i += 1) rig.conductor.take(routed([HOP], { parts: [{ hop: HOP, to }] }));
    assert.ok(rig.index.size >= 240);
    while (rig.conductor.counts.finished < 300) {
      most = Math.max(most, rig.conductor.active);
      for (const given of waiting.splice(0)) delivered(given);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(most <= 600, `${most} in memory`);
    assert.deepEqual([rig.jobs.length, rig.index.size, rig.conductor.active], [300, 0, 0]);
  });

  it('gives a bin a lane although another has thousands of parts', async () => {
    let finishedAt = 0;
    const one = routed([OTHER]);
    await using rig = await openRig({
      rules: { lanes: { ...RULES.lanes, perBin: 4 }, window: 10_000 },
      work(given) {
        if (given.job.handle === one.handle) finishedAt = rig.jobs.length;
        delivered(given);
      },
    });
    for (let i = 0; i < 5000; i += 1) rig.conductor.take(routed());
    await waitFor(() => rig.jobs.length > 0);
    rig.conductor.take(one);
    await waitFor(() => rig.conductor.counts.finished === 5001);
    assert.ok(finishedAt > 0 && finishedAt < 2500, `after ${finishedAt} jobs`);
  });

  it('gives a free lane to the next in line when the first has no use for it any more', async () => {
    await using rig = await openRig({
      rules: { lanes: { ...RULES.lanes, perBin: 1, depth: 1, perChannel: { ...RULES.lanes.perChannel, smtp: 1 } } },
    });
    const third: Hop = { channel: 'smtp', next: '[192.0.2.3]:25' };
    const [a, b, c] = [routed([HOP]), routed([OTHER]), routed([third])];
    for (const message of [a, b, c]) rig.conductor.take(message);
    await waitFor(() => rig.jobs.length === 1);
    assert.deepEqual(rig.claims.claim([b.id]).ids, [b.id]);
    delivered(rig.jobs[0]!);
    await waitFor(() => rig.jobs.length === 2);
    assert.equal(rig.jobs[1]?.lane.hop.next, third.next);
    delivered(rig.jobs[1]);
    await waitFor(() => rig.conductor.counts.finished === 2);
  });
});

describe('claims', () => {
  it('take a message out of play wherever it waits, and give it back as it was', async () => {
    await using rig = await openRig();
    const claims = rig.claims;
    const deferredPart = { hop: OTHER, to: ['b@x'], attempts: 2, until: Date.now() + 1e6 };
    const message = routed([], { parts: [deferredPart] });
    rig.conductor.take(message);
    const due = rig.index.nextDue() ?? 0;
    assert.deepEqual(claims.claim([message.id, 'nobody']), { ids: [message.id], busy: [], unknown: ['nobody'] });
    assert.deepEqual(claims.claim([message.id]).busy, [message.id]);
    assert.deepEqual([rig.conductor.active, rig.index.size, rig.conductor.ledger.size], [0, 0, 0]);
    rig.conductor.take(message);
    assert.equal(rig.jobs.length, 0, 'who claimed it owns it');
    claims.giveBack([message.id]);
    const after = (rig.index.nextDue() ?? 0) - due;
    assert.ok(after === 0 || after === 1, 'not before its time');
    const soonPart = { ...deferredPart, until: Date.now() + 2000 };
    const soon = routed([], { parts: [soonPart] });
    rig.conductor.take(soon);
    claims.claim([soon.id]);
    await waitFor(() => Date.now() >= soonPart.until);
    claims.giveBack([soon.id]);
    await waitFor(() => rig.jobs.length === 1);
    assert.deepEqual([rig.jobs[0]?.job.to, rig.jobs[0]?.job.attempts], [['b@x'], 2]);
    assert.deepEqual(claims.claim([soon.id]).busy, [soon.id], 'in delivery');
    delivered(rig.jobs[0]!);
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.equal(rig.conductor.active, 0);
  });

  it('give what is not known here, as it is held, to one command at a time, and keep it from no worker', async () => {
    await using rig = await openRig();
    const claims = rig.claims;
    const [one, other] = [{}, {}];
    const message = routed();
    const { id } = message;
    assert.deepEqual(claims.claim([id], one).unknown, [id]);
    assert.deepEqual(claims.claim([id], other).busy, [id]);
    assert.deepEqual(claims.claim([id], one).unknown, [id], 'it may ask again');
    claims.forget([id]);
    assert.deepEqual(claims.claim([id], other).unknown, [id]);
    claims.giveBack([id], one);
    assert.deepEqual(claims.claim([id], one).busy, [id], 'another that ends changes nothing');
    claims.giveBack([id], other);
    assert.deepEqual(claims.claim([id], one).unknown, [id]);
    rig.conductor.take(message);
    await waitFor(() => rig.jobs.length === 1);
    delivered(rig.jobs[0]!);
    await waitFor(() => rig.conductor.counts.finished === 1);
  });

  it('leave a bin in trouble where it was', async () => {
    await using rig = await openRig({
      rules: { retry: { ...RULES.retry, times: [1e6] } },
      work: (given) => given.done([deferral(given)], { trouble }),
    });
    rig.conductor.take(routed());
    await waitFor(() => rig.conductor.counts.troubles === 1);
    const bin = rig.conductor.homes.bins.of(HOP, rig.conductor.homes.tenants.of('default'));
    const before = [bin.until, bin.troubles];
    const claims = rig.claims;
    const due = Date.now() + 20;
    const [fresh, late] = [routed(), routed([], { parts: [{ hop: HOP, to: ['b@x'], attempts: 2, until: due }] })];
    for (const { id, ...frame } of [fresh, late]) {
      rig.conductor.take(frame);
      assert.deepEqual(claims.claim([id]).ids, [id]);
    }
    await waitFor(() => Date.now() >= due);
    const jobs = rig.jobs.length;
    claims.giveBack([fresh.id, late.id]);
    assert.deepEqual([bin.until, bin.troubles], before);
    await waitFor(() => bin.parked === 3);
    assert.equal(rig.jobs.length, jobs);
  });

  it('leave a job alone of whose worker it is not known yet what it recorded', async () => {
    await using rig = await openRig();
    const message = routed([HOP, OTHER]);
    rig.recorded.set(message.id, [{ state: 'delivered', recipients: ['to-0@example.org'], at: Date.now() + 1000 }]);
    rig.conductor.take(message);
    await waitFor(() => rig.jobs.length === 2);
    const answers: string[] = [];
    const claims = rig.claims;
    const mine = rig.jobs.find(({ lane }) => lane.hop.next === HOP.next);
    const lane = [...rig.conductor.dispatcher.lanes].find((one) => one.bin.hop.next === HOP.next);
    mine?.peer.close();
    while (lane?.open) await new Promise((resolve) => setImmediate(resolve));
    answers.push(...claims.claim([message.id]).busy);
    assert.deepEqual(answers, [message.id]);
    delivered(rig.jobs.find(({ lane: { hop } }) => hop.next === OTHER.next)!);
    await waitFor(() => rig.conductor.counts.finished === 1);
  });
});

function deferral(given: GivenJob): Parameters<GivenJob['done']>[0][number] {
  const { to, attempts } = given.job;
  return { state: 'deferred', recipients: to, at: Date.now(), attempts: attempts + 1, until: Date.now() + 20 };
}
