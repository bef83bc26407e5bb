/** Workers that end while the conductor has work for them: in order, or over a message. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Hop } from '../../../src/mail/outcome.ts';
import { waitFor } from '../../support/wait.ts';
import { createDisk } from '../../../src/queue/disk.ts';
import { openStore } from '../../../src/queue/open-store.ts';
import type { Handle } from '../../../src/queue/store.ts';
import { recordedBy } from '../../../src/scheduler/recorded-by.ts';
import { makeTemp } from '../../support/temp.ts';
import { deferred, delivered, HOP, openRig, routed, RULES, type GivenJob } from './support.ts';

const BOUNCE: Hop = { channel: 'bounce', next: '' };
const ONE_LANE = { ...RULES.lanes, perBin: 1 };

describe('a worker that ends in order', () => {
  it('is not given again what it refused: another lane gets that, when the worker finished the rest', async () => {
    const ending: GivenJob[] = [];
    await using rig = await openRig({
      rules: { lanes: ONE_LANE },
      work(given) {
        if (given.peer === (ending[0] ?? given).peer) ending.push(given);
        else delivered(given);
      },
    });
    for (const message of [routed(), routed()]) rig.conductor.take(message);
    await waitFor(() => ending.length === 2);
    const [atWork, waiting] = ending;
    waiting?.peer.send({ t: 'refused', n: waiting.job.n, why: 'this worker ends' });
    await waitFor(() => rig.conductor.counts.redone === 1);
    delivered(atWork!);
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.equal(ending.length, 2, 'nothing more for the one that ends');
    atWork?.peer.close();
    await waitFor(() => rig.conductor.counts.finished === 2);
  });

  it('takes no part in whether its bin has lanes enough', async () => {
    const ending: GivenJob[] = [];
    await using rig = await openRig({
      work(given) {
        if (ending.length === 0 || given.peer === ending[0]?.peer) ending.push(given);
        else delivered(given);
      },
    });
    rig.conductor.take(routed());
    await waitFor(() => ending.length === 1);
    ending[0]?.peer.send({ t: 'leaving' });
    const [lane] = rig.conductor.dispatcher.lanes;
    await waitFor(() => lane?.leaving);
    rig.conductor.take(routed());
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.equal(ending.length, 1);
    delivered(ending[0]!);
    await waitFor(() => rig.conductor.counts.finished === 2);
  });
});

describe('a worker that dies', () => {
  /** All that is in hand is lost at once. */
  const die = (atWork: GivenJob[]): void => atWork.splice(0).forEach(({ peer }) => peer.close());

  it('three times with many lanes costs no message its delivery', async () => {
    const lanes = { ...RULES.lanes, perBin: 1, depth: 1, perChannel: { ...RULES.lanes.perChannel, smtp: 20 } };
    const atWork: GivenJob[] = [];
    let deaths = 0;
    await using rig = await openRig({
      rules: { lanes },
      work: (given) => (deaths < 3 ? void atWork.push(given) : delivered(given)),
    });
    const hops = Array.from({ length: 20 }, (_, i): Hop => ({ channel: 'smtp', next: `[192.0.2.${i}]:25` }));
    for (const hop of hops) rig.conductor.take(routed([hop]));
    for (const together of [20, 20, 1]) {
      await waitFor(() => atWork.length === together);
      deaths += 1;
      die(atWork);
    }
    await waitFor(() => rig.conductor.counts.finished === 20);
    assert.deepEqual([rig.held, rig.conductor.active, rig.index.size], [[], 0, 0]);
  });

  it('again and again over one message holds that one, whatever else was at work', async () => {
    const lanes = { ...RULES.lanes, perBin: 1, depth: 3, perChannel: { ...RULES.lanes.perChannel, smtp: 20 } };
    const atWork: GivenJob[] = [];
    await using rig = await openRig({
      rules: { lanes },
      work(given) {
        atWork.push(given);
        if (given.job.handle === poison.handle) return die(atWork);
        setImmediate(() => {
          const at = atWork.indexOf(given);
          if (at >= 0) atWork.splice(at, 1);
          if (at >= 0) delivered(given);
        });
      },
    });
    const poison = routed();
    const hops = Array.from({ length: 10 }, (_, i): Hop => ({ channel: 'smtp', next: `[192.0.2.${i}]:25` }));
    const others = hops.flatMap((hop) => [routed([hop]), routed([hop])]);
    for (const message of [...others.slice(0, 10), poison, ...others.slice(10)]) rig.conductor.take(message);
    await waitFor(() => rig.held.length === 1 && rig.conductor.counts.finished === 20);
    assert.deepEqual(rig.held, [poison.id]);
  });

  it('after it said that it ends throws no suspicion on what it had', async () => {
    let ends = 0;
    await using rig = await openRig({
      rules: { lanes: { ...RULES.lanes, perBin: 1, depth: 1 } },
      work(given) {
        if (ends === 5) return delivered(given);
        ends += 1;
        given.peer.send({ t: 'leaving' });
        given.peer.close();
      },
    });
    rig.conductor.take(routed());
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.deepEqual(rig.held, []);
  });
});

describe('a bounce worker that dies', () => {
  it('between its report and the outcome has made the report, which is kept with what it reports', async () => {
    await using rig = await openRig();
    const message = routed([BOUNCE]);
    const bounced = [{ state: 'bounced', recipients: ['to-0@example.org'], at: Date.now() + 1000 }] as const;
    rig.recorded.set(message.id, bounced);
    rig.conductor.take(message);
    await waitFor(() => rig.jobs.length === 1);
    rig.jobs[0]?.peer.close();
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.deepEqual(rig.kept.get(message.id), bounced);
    assert.deepEqual([rig.jobs.length, rig.removed], [1, [message.id]]);
  });

  it('left word of a warning, which is no report of the failure that it had in hand then', async () => {
    const work = (given: GivenJob): void => {
      const { to: recipients } = given.job;
      if (rig.jobs.length === 1) given.peer.close();
      else given.done([{ state: 'bounced', recipients, at: Date.now() }]);
    };
    await using rig = await openRig({ work });
    const message = routed([BOUNCE]);
    const [to = ''] = message.parts[0]?.to ?? [];
    rig.recorded.set(message.id, [{ state: 'warned', recipients: [to], at: Date.now() + 1000 }]);
    rig.conductor.take(message);
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.deepEqual(
      rig.jobs.map(({ job }) => job.kind),
      ['failed', 'failed'],
    );
    assert.equal(rig.kept.size, 0);
  });

  it('had a warning in hand: word of that counts, and of nothing else', async () => {
    for (const [state, redone] of [
      ['warned', 0],
      ['bounced', 1],
    ] as const) {
      await using rig = await openRig({
        rules: { retry: { ...RULES.retry, warnAfter: 1 } },
        work(given) {
          const { to: recipients, kind } = given.job;
          if (kind === undefined) return deferred(given, Date.now() + 1e6);
          if (rig.jobs.length === 2) return given.peer.close();
          given.done([{ state: 'warned', recipients, at: Date.now() }]);
        },
      });
      const message = routed([HOP], { received: Date.now() - 10_000 });
      const [to = ''] = message.parts[0]?.to ?? [];
      rig.recorded.set(message.id, [{ state, recipients: [to], at: Date.now() + 1000 }]);
      rig.conductor.take(message);
      await waitFor(() => rig.jobs.length === 2 + redone && rig.conductor.active === 0);
      assert.deepEqual([rig.conductor.counts.redone, rig.kept.size, rig.index.size], [redone, 1 - redone, 1]);
    }
  });

  it('left an outcome of an earlier attempt, which says nothing of this one', async () => {
    const work = (given: GivenJob): void => (rig.jobs.length === 1 ? given.peer.close() : delivered(given));
    await using rig = await openRig({ work });
    const message = routed();
    const [to = ''] = message.parts[0]?.to ?? [];
    rig.recorded.set(message.id, [{ state: 'deferred', recipients: [to], at: Date.now() - 60_000 }]);
    rig.conductor.take(message);
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.equal(rig.jobs.length, 2);
    assert.equal(rig.conductor.counts.redone, 1);
  });

  it('left both its outcomes and its reports', async () => {
    const root = makeTemp('queue');
    const config = { queue: { split: 4, inline: 10_000, segment: 1e6, segmentAge: 1000, freeSpace: 0, freeInodes: 0 } };
    const log = { warn: () => undefined, error: () => undefined };
    const worker = 'bounce-1-test';
    const store = await openStore({ config, worker, log, role: 'writer', dir: root });
    const [one, other, foreign, good] = [store.nextId(), store.nextId(), store.nextId(), store.nextId()];
    for (const [id, as] of [[one], [foreign], [good, 'delivered']] as const) {
      const draft = store.draft(store.nextId());
      await draft.write(Buffer.from('Subject: x\r\n\r\n'));
      await draft.commit({
        sender: '',
        recipients: [{ address: 'from@example.net' }],
        received: 7,
        tenant: 'default',
        origin: { via: 'bounce' },
        settles: { id, recipients: ['a@b.test'], ...(as && { as }) },
      });
    }
    await store.record(other as string as Handle, [{ state: 'dropped', recipients: ['c@d.test'], at: 8 }]);
    const found = await recordedBy(
      { disk: createDisk(), layout: { root, split: 4 } },
      'bounce-1',
      new Set([one, other, good]),
    );
    assert.deepEqual(
      [...found].toSorted(([a], [b]) => a.localeCompare(b)),
      [
        [one, [{ state: 'bounced', recipients: ['a@b.test'], at: 7 }]],
        [other, [{ state: 'dropped', recipients: ['c@d.test'], at: 8 }]],
        [good, [{ state: 'delivered', recipients: ['a@b.test'], at: 7 }]],
      ],
    );
    await store.close();
  });
});

describe('a lane with much in hand', () => {
  it('is at its present job since it reported the one before', async () => {
    await using rig = await openRig({ rules: { lanes: ONE_LANE } });
    for (const message of [routed(), routed()]) rig.conductor.take(message);
    await waitFor(() => rig.jobs.length === 2);
    const [lane] = rig.conductor.dispatcher.lanes;
    const given = lane?.busySince ?? Infinity;
    await waitFor(() => Date.now() > given + 1);
    delivered(rig.jobs[0]!);
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.ok((lane?.busySince ?? 0) > given);
    delivered(rig.jobs[1]!);
    await waitFor(() => lane?.busySince === undefined);
  });

  it('is alive when its worker says that it is at work', async () => {
    await using rig = await openRig();
    rig.conductor.take(routed());
    await waitFor(() => rig.jobs.length === 1);
    const [lane] = rig.conductor.dispatcher.lanes;
    const given = lane?.busySince ?? Infinity;
    rig.jobs[0]?.peer.send({ t: 'at-work' });
    await waitFor(() => (lane?.busySince ?? 0) > given);
    delivered(rig.jobs[0]!);
    await waitFor(() => lane?.busySince === undefined);
  });
});
