import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isFinal, type Outcome, type OutcomeState } from '../../../src/mail/outcome.ts';
import { foldOutcomes } from '../../../src/queue/fold.ts';
import { makeEnvelope } from './support.ts';

const A = 'a@x.example';
const B = 'b@x.example';
const hop = { channel: 'smtp', next: 'mx:x.example' } as const;

function stateOf(outcomes: readonly Outcome[], address = A, recipients = [A, B]): string | undefined {
  return foldOutcomes(makeEnvelope(recipients), outcomes).find((one) => one.address === address)?.state;
}

const states: OutcomeState[] = [
  'delivered',
  'deferred',
  'failed',
  'succeeded',
  'bounced',
  'dropped',
  'expanded',
  'deleted',
  'held',
  'released',
  'warned',
];
const anyOutcome = fc.record(
  {
    state: fc.constantFrom(...states),
    recipients: fc.subarray([A, B]),
    at: fc.nat(5),
    attempts: fc.nat(),
    into: fc.constant(['c@x.example']),
  },
  { requiredKeys: ['state', 'recipients', 'at'], noNullPrototype: true },
);

describe('folding outcomes', () => {
  it('starts with everybody waiting', () => {
    const folded = foldOutcomes(makeEnvelope([A, B]), []);
    assert.deepEqual(folded, [
      { address: A, state: 'waiting', attempts: 0 },
      { address: B, state: 'waiting', attempts: 0 },
    ]);
  });

  it('lets those wait for the time that the sender named, also in the place of an alias, until an operator releases them', () => {
    const envelope = { ...makeEnvelope([A, B]), notBefore: 99 };
    const expanded: Outcome = { state: 'expanded', recipients: [B], at: 1, into: ['c@x.example'] };
    const folded = foldOutcomes(envelope, [expanded]).filter(({ state }) => state !== 'done');
    assert.deepEqual(folded, [
      { address: A, state: 'waiting', attempts: 0, until: 99 },
      { address: 'c@x.example', state: 'waiting', attempts: 0, until: 99 },
    ]);
    const held: Outcome = { state: 'held', recipients: [A], at: 2, why: 'x' };
    const back: Outcome = { state: 'released', recipients: [A], at: 3 };
    assert.deepEqual(foldOutcomes(envelope, [held, back])[0], { address: A, state: 'waiting', attempts: 0, until: 99 });
    assert.deepEqual(foldOutcomes(envelope, [held, back, { ...back, at: 4 }])[0], {
      address: A,
      state: 'waiting',
      attempts: 0,
      released: 4,
    });
  });

  it('knows where, when and how often a deferred recipient was tried', () => {
    const reply = { code: 451, status: '4.0.0', text: 'later' };
    const [state] = foldOutcomes(makeEnvelope([A]), [
      { state: 'deferred', recipients: [A], at: 1, attempts: 1, until: 10, hop, reply },
      { state: 'warned', recipients: [A], at: 2 },
      { state: 'deferred', recipients: [A], at: 3, attempts: 2, until: 20, reply },
    ]);
    const known = { address: A, state: 'deferred', attempts: 2, tried: 3, until: 20, hop, reply, warned: true };
    assert.deepEqual(state, known);
    const retried = foldOutcomes(makeEnvelope([A]), [
      { state: 'deferred', recipients: [A], at: 1, attempts: 1, until: 10, hop, reply },
      { state: 'deferred', recipients: [A], at: 9, attempts: 0, until: 9, afresh: true },
    ]);
    assert.equal(retried[0]?.tried, 1, 'what an operator asked for is no attempt');
  });

  it('keeps what is final, in whatever order outcomes come and whatever the clock did', () => {
    fc.assert(
      fc.property(fc.array(anyOutcome), (outcomes) => {
        for (const address of [A, B]) {
          const finished = outcomes.some((one) => isFinal(one.state) && one.recipients.includes(address));
          assert.equal(stateOf(outcomes, address) === 'done', finished);
          assert.equal(stateOf(outcomes.toReversed(), address) === 'done', finished);
        }
      }),
    );
  });

  it('is the same when outcomes are told twice, as after a crash between folding and removal', () => {
    fc.assert(
      fc.property(fc.array(anyOutcome), (outcomes) => {
        const distinct = outcomes.map((outcome, i) => ({ ...outcome, at: i }));
        const once = foldOutcomes(makeEnvelope([A, B]), distinct);
        assert.deepEqual(foldOutcomes(makeEnvelope([A, B]), [...distinct, ...distinct]), once);
      }),
    );
  });

  it('puts the recipients of an expansion in the place of the alias, each once', () => {
    const folded = foldOutcomes(makeEnvelope([A, B]), [
      { state: 'expanded', recipients: [A], at: 1, into: ['c@x.example', B, 'd@x.example'] },
      { state: 'delivered', recipients: ['d@x.example'], at: 2 },
    ]);
    assert.deepEqual(
      folded.map(({ address, state }) => `${address} ${state}`),
      [`${A} done`, `${B} waiting`, 'c@x.example waiting', 'd@x.example done'],
    );
  });

  it('brings nobody back to work who was delivered to, until his sender was told', () => {
    const succeeded = { state: 'succeeded', recipients: [A], at: 1, notice: 'relayed' } as const;
    for (const state of ['deferred', 'failed', 'warned'] as const) {
      assert.equal(stateOf([succeeded, { state, recipients: [A], at: 2 }]), 'succeeded', state);
      const held = { state: 'held', recipients: [A], at: 2 } as const;
      const then = state === 'failed' ? 'succeeded' : 'held';
      assert.equal(stateOf([succeeded, held, { state, recipients: [A], at: 3 }]), then, state);
      const released = { state: 'released', recipients: [A], at: 4 } as const;
      assert.equal(stateOf([succeeded, held, { state, recipients: [A], at: 3 }, released]), 'succeeded', state);
    }
    assert.equal(stateOf([succeeded, { state: 'delivered', recipients: [A], at: 2 }]), 'done');
  });

  it('lets go of a held recipient that was delivered to when an operator gives it up: its good news is told then', () => {
    const [given] = foldOutcomes(makeEnvelope([A]), [
      { state: 'succeeded', recipients: [A], at: 1, attempts: 1, notice: 'relayed' },
      { state: 'held', recipients: [A], at: 2, why: 'x' },
      { state: 'failed', recipients: [A], at: 3 },
    ]);
    assert.deepEqual(given, { address: A, state: 'succeeded', attempts: 1, notice: 'relayed' });
  });

  it('puts the members of a list in its place at once, also where its sender is to be told', () => {
    const list: Outcome = { state: 'succeeded', recipients: [A], at: 1, notice: 'expanded', into: ['c@x.example'] };
    const told: Outcome = { state: 'expanded', recipients: [A], at: 2 };
    assert.deepEqual([stateOf([list]), stateOf([list], 'c@x.example')], ['succeeded', 'waiting']);
    assert.deepEqual([stateOf([list, told]), stateOf([list, told], 'c@x.example')], ['done', 'waiting']);
  });

  it('holds until released, and is then what it was', () => {
    const reply = { code: 550, status: '5.1.1', text: 'unknown' };
    const befores: Outcome[][] = [
      [],
      [{ state: 'deferred', recipients: [A], at: 1, attempts: 3, until: 5, hop }],
      [
        { state: 'deferred', recipients: [A], at: 1, attempts: 3, until: 5, hop },
        { state: 'warned', recipients: [A], at: 2 },
      ],
      [{ state: 'failed', recipients: [A], at: 1, attempts: 1, reply }],
    ];
    for (const before of befores) {
      const held: Outcome[] = [
        ...before,
        { state: 'held', recipients: [A], at: 3, why: 'a filter' },
        { state: 'held', recipients: [A], at: 4, why: 'by an operator' },
      ];
      assert.equal(stateOf(held), 'held');
      assert.equal(foldOutcomes(makeEnvelope([A]), held)[0]?.why, 'by an operator');
      const released: Outcome[] = [...held, { state: 'released', recipients: [A, B], at: 5 }];
      assert.deepEqual(foldOutcomes(makeEnvelope([A, B]), released), foldOutcomes(makeEnvelope([A, B]), before));
    }
  });

  it('lets a hold end in a failure, as an operator may wish', () => {
    const [state] = foldOutcomes(makeEnvelope([A]), [
      { state: 'held', recipients: [A], at: 1, why: 'a filter' },
      { state: 'failed', recipients: [A], at: 2 },
    ]);
    assert.deepEqual(state, { address: A, state: 'failed', attempts: 0 });
  });
});
