import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resumeFrame } from '../../../src/ipc/resume.ts';
import type { RecipientState } from '../../../src/queue/fold.ts';
import type { Handle, QueueId } from '../../../src/queue/store.ts';
import type { QueuedMessage } from '../../../src/queue/queued-message.ts';
import { makeEnvelope } from '../queue/support.ts';

const hop = { channel: 'smtp', next: 'mx:x' } as const;
const BOUNCE = { channel: 'bounce', next: '' } as const;
const reply = { code: 550, status: '5.1.1', text: 'unknown' };

function message(recipients: readonly RecipientState[]): QueuedMessage {
  const envelope = makeEnvelope(['a', 'b', 'c'], { sender: 'from@x' });
  return { id: 'id' as QueueId, handle: 'id' as Handle, envelope, size: 5, where: 'tree', recipients };
}

describe('putting a message back to work', () => {
  it('asks the router for hops, and hands along what has one', () => {
    const resumed = resumeFrame(
      message([
        { address: 'a', state: 'waiting', attempts: 0 },
        { address: 'b', state: 'deferred', attempts: 2, until: 9, hop, warned: true },
      ]),
    );
    assert.equal(resumed?.to, 'router');
    assert.ok(resumed?.frame.t === 'accepted');
    assert.deepEqual(resumed.frame.only, ['a']);
    assert.deepEqual(resumed.frame.parts, [{ hop, to: ['b'], attempts: 2, until: 9, warned: true }]);
  });

  it('names the time of release to the router, lets it age from then, and from an earlier release by an operator', () => {
    const waiting = { address: 'a', state: 'waiting', attempts: 0 } as const;
    const base = message([{ ...waiting, until: 5000 }]);
    const later = { ...base, envelope: { ...base.envelope, received: 7, notBefore: 5000 } };
    const untouched = resumeFrame(later);
    assert.ok(untouched?.frame.t === 'accepted');
    assert.equal(untouched.frame.envelope.notBefore, 5000);
    const early = resumeFrame({ ...later, recipients: [{ ...waiting, released: 3000 }] });
    assert.ok(early?.frame.t === 'accepted');
    const { notBefore, received } = early.frame.envelope;
    assert.deepEqual([notBefore, received], [undefined, 3000]);
    const tried = resumeFrame({ ...later, recipients: [{ address: 'b', state: 'deferred', attempts: 1, hop }] });
    assert.ok(tried?.frame.t === 'routed');
    assert.equal(tried.frame.received, 5000);
  });

  it('keeps the reasons of a report that was put off apart', () => {
    const [full, unknown] = [
      { ...reply, text: 'full' },
      { ...reply, text: 'unknown' },
    ];
    const recipient = { state: 'deferred', attempts: 1, until: 9, hop: BOUNCE } as const;
    const resumed = resumeFrame(
      message([
        { ...recipient, address: 'a', reply: unknown },
        { ...recipient, address: 'b', reply: full },
      ]),
    );
    assert.ok(resumed?.frame.t === 'routed');
    assert.deepEqual(
      resumed.frame.parts.map(({ to, reply: why }) => [to, why?.text]),
      [
        [['a'], 'unknown'],
        [['b'], 'full'],
      ],
    );
  });

  it('has good news told that is owed, and nothing tried again', () => {
    const recipient = { state: 'succeeded', attempts: 1, hop, reply } as const;
    const resumed = resumeFrame(
      message([
        { ...recipient, address: 'a', notice: 'relayed' },
        { ...recipient, address: 'b', notice: 'expanded' },
      ]),
    );
    assert.ok(resumed?.frame.t === 'routed');
    assert.deepEqual(resumed.frame.parts, [
      { hop: BOUNCE, to: ['a'], attempts: 1, reply, notice: 'relayed' },
      { hop: BOUNCE, to: ['b'], attempts: 1, reply, notice: 'expanded' },
    ]);
  });

  it('tells the router of whose delay the sender knows', () => {
    const resumed = resumeFrame(
      message([
        { address: 'a', state: 'deferred', attempts: 0, until: 9, warned: true },
        { address: 'b', state: 'deferred', attempts: 0, until: 9 },
      ]),
    );
    assert.ok(resumed?.frame.t === 'accepted');
    assert.deepEqual(resumed.frame.only, ['a', 'b']);
    assert.deepEqual([resumed.frame.tried, resumed.frame.warned], [['a', 'b'], ['a']]);
  });

  it('goes straight to the scheduler when every recipient has a hop', () => {
    const resumed = resumeFrame(
      message([
        { address: 'a', state: 'deferred', attempts: 1, until: 9, hop },
        { address: 'b', state: 'deferred', attempts: 1, until: 9, hop },
        { address: 'c', state: 'failed', attempts: 3, hop, until: 4, reply },
      ]),
    );
    assert.equal(resumed?.to, 'scheduler');
    assert.ok(resumed?.frame.t === 'routed' && resumed.frame.stays === undefined);
    assert.deepEqual(resumed.frame.parts, [
      { hop, to: ['a', 'b'], attempts: 1, until: 9 },
      { hop: BOUNCE, to: ['c'], attempts: 3, reply },
    ]);
  });

  it('leaves the held alone, and says that the message stays', () => {
    const held: RecipientState = { address: 'a', state: 'held', attempts: 0 };
    assert.equal(resumeFrame(message([held])), undefined);
    const resumed = resumeFrame(message([held, { address: 'b', state: 'waiting', attempts: 0 }]));
    assert.equal(resumed?.frame.stays, true);
  });

  it('has nothing to do when all is done', () => {
    assert.equal(resumeFrame(message([])), undefined);
  });
});
