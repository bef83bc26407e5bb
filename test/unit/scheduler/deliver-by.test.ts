/** Mail that is to be delivered by a time (RFC 2852): returned, or its sender told, at that time, whatever else it waits for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Outcome } from '../../../src/mail/outcome.ts';
import { decideFate, overdue, type RetryRules } from '../../../src/scheduler/fate.ts';
import {
  newPart,
  type Message,
  type MessageFacts,
  type PartFacts,
  type WorkPart,
} from '../../../src/scheduler/work.ts';
import { workLeft } from '../../../src/scheduler/work-left.ts';
import { waitFor } from '../../support/wait.ts';
import { HOP, openRig, routed, RULES, type GivenJob } from './support.ts';

const rules: RetryRules = { lifetime: 10_000, bounceLifetime: 100, warnAfter: 10 };
const reply = { code: 451, status: '4.2.0', text: 'later' };
const trouble = { code: 451, status: '4.4.1', text: 'connection refused' };

function part(by: MessageFacts['by'], more: Partial<PartFacts> = {}): WorkPart {
  const facts: MessageFacts = {
    handle: 'h',
    sender: 'from@x',
    received: 100,
    tenant: 'default',
    size: 1,
    ...(by && { by }),
  };
  const message: Message = { id: 'id', facts, parts: new Set(), parked: false, stays: false };
  return newPart(message, { hop: HOP, to: ['a'], attempts: 0, warned: false, ...more });
}

const later: Outcome = { state: 'deferred', recipients: ['a'], at: 0, until: 5000, attempts: 1, reply };
const fate = (one: WorkPart, now: number) => decideFate(one, { outcomes: [later] }, { rules, now }).followUps;

describe('the fate of mail with a time for delivery', () => {
  it('in mode R is another try before it, and a bounce at it', () => {
    const [again] = fate(part({ at: 1000, mode: 'R' }), 105);
    assert.equal(again?.wait, 895, 'it comes back at that time');
    const [returned] = fate(part({ at: 1000, mode: 'R' }), 1000);
    assert.deepEqual([returned?.facts.kind, returned?.facts.failures?.[0]?.reply.status], ['failed', '5.4.7']);
  });

  it('in mode N is one warning at it, not before it at our own time, and another try', () => {
    assert.equal(fate(part({ at: 1000, mode: 'N' }), 500).length, 1, 'no warning after our 10 ms');
    const followUps = fate(part({ at: 1000, mode: 'N' }), 1000);
    assert.deepEqual(
      followUps.map(({ facts, wait }) => [facts.kind, facts.warned, wait]),
      [
        ['delayed', true, 0],
        [undefined, true, 5000],
      ],
    );
    assert.equal(fate(part({ at: 1000, mode: 'N' }, { warned: true }), 2000).length, 1);
  });

  it('in mode N that was late when it came is that of all mail: its sender was told by others', () => {
    assert.deepEqual(overdue(part({ at: 50, mode: 'N' }), { rules, now: 1000, trouble: undefined }), []);
    assert.deepEqual(overdue(part(undefined), { rules, now: 1e9, trouble: undefined }), []);
  });
});

describe('a bin in trouble', () => {
  const LONG = { retry: { ...RULES.retry, times: [1e7] } };
  const work = (given: GivenJob): void => {
    const { to: recipients, attempts } = given.job;
    const at = Date.now();
    if (given.lane.hop.channel === 'bounce')
      return given.done([{ state: given.job.kind === 'delayed' ? 'warned' : 'bounced', recipients, at }]);
    given.done([{ state: 'deferred', recipients, at, until: at + 1e7, attempts: attempts + 1, hop: HOP }], { trouble });
  };

  it('keeps no mail beyond its time: R is returned, N told of, all within it', async () => {
    await using rig = await openRig({ rules: LONG, work });
    const { conductor } = rig;
    conductor.take(routed());
    await waitFor(() => conductor.counts.troubles === 1);
    const at = Date.now() + 300;
    conductor.take(routed([HOP], { by: { at, mode: 'R' } }));
    conductor.take(routed([HOP], { by: { at, mode: 'N' } }));
    const bounces = (kind: string): number => rig.jobs.filter(({ job }) => job.kind === kind).length;
    await waitFor(() => bounces('failed') === 1 && bounces('delayed') === 1);
    assert.ok(Date.now() >= at);
    await waitFor(() => !workLeft(rig, false).busy);
    assert.equal(conductor.counts.finished, 1);
    assert.equal(rig.index.countMessages(), 2, 'N waits on, with the first');
    assert.equal(bounces('delayed'), 1);
  });

  it('is not needed for that: what is late already is not tried any more in mode R', async () => {
    await using rig = await openRig({ work });
    rig.conductor.take(routed([HOP], { by: { at: Date.now() - 1, mode: 'R' } }));
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.deepEqual(
      rig.jobs.map(({ lane, job }) => [lane.hop.channel, job.failures?.[0]?.reply.status]),
      [['bounce', '5.4.7']],
    );
  });
});
