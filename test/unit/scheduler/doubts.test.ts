import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { waitFor } from '../../support/wait.ts';
import { delivered, openRig, routed, type GivenJob } from './support.ts';

describe('a message that its worker did not find', () => {
  it('leaves memory, and no file of it is removed: nobody knows that it is finished', async () => {
    await using rig = await openRig({ work: ({ done }) => done([]) });
    const { id, ...frame } = routed();
    rig.conductor.take({ ...frame, handle: id });
    await waitFor(() => rig.jobs.length === 1 && rig.conductor.ledger.size === 0);
    assert.deepEqual(rig.removed, []);
    assert.equal(rig.conductor.counts.finished, 0, 'no line says that it was removed');
    rig.conductor.take({ ...frame, handle: id });
    assert.equal(rig.conductor.counts.taken, 2, 'the next injector may hand it on');
  });
});

describe('a message that may have a file in the tree without a word', () => {
  it('was with a worker that died: its end removes the file, and its journal waits for the settler', async () => {
    const work = (given: GivenJob): void => (rig.jobs.length === 1 ? given.peer.close() : delivered(given));
    await using rig = await openRig({ work });
    const message = routed();
    rig.conductor.take(message);
    await waitFor(() => rig.conductor.counts.finished === 1);
    assert.deepEqual(rig.removed, [message.id]);
    assert.equal(rig.segments.doubts, 1);
  });

  it('was deferred by a worker that could not tell whether the file is there', async () => {
    const until = Date.now() + 1e6;
    await using rig = await openRig({
      work: ({ job, done, lane }) => {
        const outcome = { state: 'deferred', recipients: job.to, at: Date.now(), until, hop: lane.hop } as const;
        done([outcome], rig.jobs.length === 1 ? { moved: true } : {});
      },
    });
    rig.conductor.take(routed());
    await waitFor(() => rig.index.size === 1);
    assert.equal(rig.segments.doubts, 0, 'the first one was moved');
    rig.conductor.take(routed());
    await waitFor(() => rig.index.size === 2);
    assert.equal(rig.segments.doubts, 1);
  });

  it('was claimed by a command that ended in the midst of its work', async () => {
    await using rig = await openRig({ work: delivered });
    const message = routed(undefined, { parts: [] });
    const until = Date.now() + 1e6;
    rig.conductor.take({ ...message, parts: [{ hop: { channel: 'smtp', next: 'x' }, to: ['a@x'], until }] });
    const claims = rig.claims;
    claims.claim([message.id]);
    claims.giveBack([message.id]);
    assert.equal(rig.segments.doubts, 1);
    assert.equal(rig.index.size, 1);
  });

  it('is left alone where the command brought it into the deleted queue', async () => {
    const message = routed();
    await using rig = await openRig({ work: delivered, isDeleted: (id) => id === message.id });
    const until = Date.now() + 1e6;
    rig.conductor.take({ ...message, parts: [{ hop: { channel: 'smtp', next: 'x' }, to: ['a@x'], until }] });
    const { claims } = rig;
    claims.claim([message.id]);
    claims.giveBack([message.id]);
    assert.deepEqual([rig.index.size, rig.conductor.ledger.size, rig.removed], [0, 0, []]);
    assert.equal(rig.conductor.ledger.admit({ ...message }, false), undefined, 'its record is done with');
    assert.equal(rig.segments.size, 1);
  });
});

describe('a message over which worker after worker died', () => {
  it('is held as soon as the disk lets us, and is out of reach until then', async () => {
    let [tries, full] = [0, true];
    await using rig = await openRig({
      work: ({ peer }) => peer.close(),
      holdFails: () => ((tries += 1), full),
    });
    const message = routed();
    rig.conductor.take(message);
    await waitFor(() => tries >= 2);
    assert.deepEqual(rig.claims.claim([message.id]).busy, [message.id]);
    full = false;
    await waitFor(() => rig.held.length === 1);
    await waitFor(() => rig.conductor.active === 0);
    assert.deepEqual(rig.removed, []);
  });
});
