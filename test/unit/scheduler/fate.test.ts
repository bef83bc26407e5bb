import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Hop, Outcome } from '../../../src/mail/outcome.ts';
import { ageOut, decideFate, expiresAt, stillLate, type RetryRules } from '../../../src/scheduler/fate.ts';
import { newPart, type Message, type PartFacts, type WorkPart } from '../../../src/scheduler/work.ts';

const rules: RetryRules = { lifetime: 1000, bounceLifetime: 100, warnAfter: 300 };
const hop: Hop = { channel: 'smtp', next: 'mx:x' };
const BOUNCE: Hop = { channel: 'bounce', next: '' };
const reply = { code: 451, status: '4.2.0', text: 'later' };

function part(more: Partial<PartFacts> = {}, sender = 'from@x'): WorkPart {
  const facts = { handle: 'h', sender, received: 0, tenant: 'default', size: 1 };
  const message: Message = { id: 'id', facts, parts: new Set(), parked: false, stays: false };
  return newPart(message, { hop, to: ['a', 'b'], attempts: 0, warned: false, ...more });
}

function outcome(state: Outcome['state'], recipients: readonly string[], more: Partial<Outcome> = {}): Outcome {
  return { state, recipients, at: 0, ...more };
}

const fate = (one: WorkPart, outcomes: readonly Outcome[], now = 10): ReturnType<typeof decideFate> =>
  decideFate(one, { outcomes }, { rules, now });

describe('the fate of recipients', () => {
  it('is nothing more for those that are finished', () => {
    const { followUps, ended } = fate(part(), [outcome('delivered', ['a']), outcome('dropped', ['b'])]);
    assert.deepEqual([followUps, ended], [[], { delivered: 1, dropped: 1 }]);
  });

  it('is another try for the deferred, when and where their outcome says', () => {
    const { followUps } = fate(part(), [
      outcome('delivered', ['a']),
      outcome('deferred', ['b'], { until: 70, attempts: 1, reply }),
    ]);
    assert.deepEqual(followUps, [{ facts: { hop, to: ['b'], attempts: 1, warned: false, reply }, wait: 70 }]);
  });

  it('waits for as long as the worker meant, whatever its clock said', () => {
    for (const at of [1e13, 0]) {
      const later = outcome('deferred', ['a', 'b'], { at, until: at + 70 });
      assert.equal(fate(part(), [later]).followUps[0]?.wait, 70);
    }
    assert.equal(fate(part(), [outcome('deferred', ['a', 'b'], { at: 5, until: 3 })]).followUps[0]?.wait, 0);
  });

  it('is one bounce for all that failed, each with its own answer', () => {
    const other = { code: 550, status: '5.1.1', text: 'unknown' };
    const { followUps } = fate(part(), [
      outcome('failed', ['a'], { reply }),
      outcome('failed', ['b'], { reply: other }),
    ]);
    assert.equal(followUps.length, 1);
    assert.deepEqual(followUps[0]?.facts.hop, BOUNCE);
    assert.equal(followUps[0]?.facts.kind, 'failed');
    assert.deepEqual(followUps[0]?.facts.failures, [
      { to: ['a'], reply },
      { to: ['b'], reply: other },
    ]);
  });

  it('is one report of good news for all that are to be told, and the end of their trouble', () => {
    const ok = { code: 250, status: '2.0.0', text: 'ok' };
    const { followUps, ended, well } = fate(part(), [
      outcome('succeeded', ['a'], { reply: ok, notice: 'relayed', attempts: 1 }),
      outcome('succeeded', ['b'], { reply, notice: 'relayed', attempts: 1 }),
    ]);
    const failures = [
      { to: ['a'], reply: ok },
      { to: ['b'], reply },
    ];
    const facts = { hop: BOUNCE, to: ['a', 'b'], attempts: 1, warned: true, failures, kind: 'relayed' };
    assert.deepEqual(followUps, [{ facts, wait: 0 }]);
    assert.deepEqual([ended, well], [{}, true]);
  });

  it('of good news that could not be told is another report, as long as it takes', () => {
    const failures = [{ to: ['a', 'b'], reply }];
    const notice = part({ hop: BOUNCE, kind: 'delivered', failures });
    const { followUps, untold } = decideFate(notice, { outcomes: [], trouble: reply }, { rules, now: 1e9 });
    assert.deepEqual(untold, ['a', 'b']);
    assert.equal(followUps.length, 1);
    assert.deepEqual([followUps[0]?.facts.kind, followUps[0]?.facts.failures], ['delivered', failures]);
    assert.deepEqual(fate(notice, [outcome('delivered', ['a', 'b'])]).ended, { delivered: 2 });
  });

  it('is a bounce for what is too old to be tried again', () => {
    const { followUps } = fate(part(), [outcome('deferred', ['a', 'b'], { until: 2000, reply })], 1000);
    assert.equal(followUps.length, 1);
    assert.equal(followUps[0]?.facts.failures?.[0]?.reply.status, '5.4.7');
    assert.match(followUps[0]?.facts.failures?.[0]?.reply.text ?? '', /last answer was: \d+ \S+ later/);
  });

  it('puts our words for what is too old into nobody’s mouth, and names no path', () => {
    const expired = (remote: string) => {
      const last = outcome('deferred', ['a', 'b'], { until: 2000, reply: { ...reply, remote } });
      return fate(part(), [last], 1000).followUps[0]?.facts.failures?.[0]?.reply;
    };
    const text = 'could not be delivered in time; the last answer from mx.x [192.0.2.1]:25 was: 451 4.2.0 later';
    assert.deepEqual(expired('mx.x [192.0.2.1]:25'), { code: 554, status: '5.4.7', text });
    assert.doesNotMatch(expired('unix:/run/x')?.text ?? '', /run/);
  });

  it('has the last try at the end of its life, not after it', () => {
    const { followUps } = fate(part({ warned: true }), [outcome('deferred', ['a', 'b'], { until: 5000 })], 900);
    assert.equal(followUps[0]?.wait, 100);
  });

  it('gives bounces a life of their own, and never gives up a report that could not be written', () => {
    assert.equal(expiresAt(part({}, ''), rules), 100);
    const { followUps } = fate(
      part({ hop: BOUNCE, kind: 'failed' }),
      [outcome('deferred', ['a', 'b'], { until: 9999 })],
      5000,
    );
    assert.deepEqual(
      followUps.map(({ facts }) => facts.hop),
      [BOUNCE],
    );
  });

  it('warns once, and never whoever has no address', () => {
    const late = [outcome('deferred', ['a', 'b'], { until: 500, attempts: 3, reply })];
    const { followUps } = fate(part(), late, 400);
    assert.deepEqual(
      followUps.map(({ facts }) => [facts.hop.channel, facts.kind, facts.warned]),
      [
        ['bounce', 'delayed', true],
        ['smtp', undefined, true],
      ],
    );
    assert.equal(fate(part({ warned: true }), late, 400).followUps.length, 1);
    assert.equal(fate(part({}, ''), late, 50).followUps.length, 1);
    assert.equal(fate(part(), late, 200).followUps.length, 1, 'too early');
  });

  it('is another warning when none could be written, and nothing else', () => {
    const failures = [{ to: ['a', 'b'], reply }];
    const warning = part({ hop: BOUNCE, kind: 'delayed', warned: true, failures });
    const { followUps } = decideFate(warning, { outcomes: [], trouble: reply }, { rules, now: 400 });
    assert.deepEqual(
      followUps.map(({ facts, wait }) => [facts.kind, facts.to, facts.attempts, facts.failures, wait]),
      [['delayed', ['a', 'b'], 1, failures, 0]],
    );
    assert.deepEqual(fate(warning, []).followUps, [], 'the message vanished');
    assert.deepEqual(fate(warning, [outcome('warned', ['a', 'b'])]).followUps, []);
  });

  it('of a warning depends on who is late still', () => {
    const warning: PartFacts = {
      hop: BOUNCE,
      to: ['a', 'b'],
      attempts: 1,
      warned: true,
      kind: 'delayed',
      failures: [{ to: ['a', 'b'], reply }],
    };
    const owed = part({ hop: BOUNCE, kind: 'failed', to: ['a'] });
    assert.equal(stillLate(warning, [part()]), warning);
    assert.equal(stillLate(warning, [warning, owed]), undefined);
    const left = stillLate(warning, [warning, owed, part({ to: ['b'] })]);
    assert.deepEqual([left?.to, left?.failures], [['b'], [{ to: ['b'], reply }]]);
  });

  it('is another try for those that the report forgot', () => {
    const { followUps, untold } = fate(part(), [outcome('delivered', ['a']), outcome('delivered', ['nobody'])]);
    assert.deepEqual(untold, ['b']);
    assert.deepEqual([followUps[0]?.facts.to, followUps[0]?.facts.attempts], [['b'], 1]);
  });

  it('counts an address once, though two outcomes speak of it', () => {
    const { followUps, ended } = fate(part(), [outcome('delivered', ['a', 'b']), outcome('failed', ['a', 'b'])]);
    assert.deepEqual([followUps, ended], [[], { delivered: 2 }]);
  });

  it('knows that held recipients keep the message', () => {
    assert.equal(fate(part(), [outcome('held', ['a', 'b'])]).held, true);
  });

  it('of what waits with its bin is told when its time has come', () => {
    const at = (now: number, one = part()): number => ageOut(one, { rules, now, trouble: reply }).length;
    assert.deepEqual([at(10), at(400), at(1000)], [0, 2, 1]);
    assert.equal(at(1000, part({ hop: BOUNCE, kind: 'failed' })), 0);
    assert.equal(ageOut(part(), { rules, now: 5000, trouble: undefined }).length, 0, 'never before it was tried');
  });
});
