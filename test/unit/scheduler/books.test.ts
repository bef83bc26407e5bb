/** What came in is done with or here: the scheduler's books, and what is said where they do not balance. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Audit } from '../../../src/scheduler/audit.ts';
import { imbalanceOf } from '../../../src/scheduler/books.ts';
import { waitFor } from '../../support/wait.ts';
import { delivered, HOP, openRig, routed, type GivenJob } from './support.ts';

const OTHER = { channel: 'smtp', next: '[192.0.2.2]:25' } as const;
const reply = { code: 550, status: '5.1.1', text: 'unknown' };

/** One that is refused is told of; the others arrive, are held, or their message is gone. */
function work(given: GivenJob): void {
  const { to, attempts } = given.job;
  const at = Date.now();
  if (given.lane.hop.channel === 'bounce') return given.done([{ state: 'bounced', recipients: to, at }]);
  if (to[0]?.startsWith('gone')) return given.done([]);
  const state = to[0]?.startsWith('no') ? 'failed' : to[0]?.startsWith('held') ? 'held' : 'delivered';
  given.done([{ state, recipients: to, at, attempts: attempts + 1, reply }]);
}

const to = (...addresses: string[]) => ({ parts: addresses.map((address) => ({ hop: HOP, to: [address] })) });

describe('the books of the scheduler', () => {
  it('say what became of every recipient', async () => {
    await using rig = await openRig({ work });
    rig.conductor.take(routed([], to('a@x', 'no@x', 'held@x')));
    rig.conductor.take(routed([], to('gone@x')));
    // One alias, for which two stand.
    rig.conductor.take(routed([], { ...to('b@x', 'c@x', 'd@x'), expanded: 1, made: 2 }));
    const until = Date.now() + 1e6;
    rig.conductor.take(routed([], { parts: [{ hop: OTHER, to: ['later@x', 'too@x'], until }] }));
    await waitFor(() => rig.books().queued === 2);
    const { since, ...books } = rig.books();
    assert.deepEqual(books, {
      entered: 8,
      made: 2,
      delivered: 4,
      bounced: 1,
      dropped: 0,
      expanded: 1,
      held: 1,
      vanished: 1,
      commands: 0,
      queued: 2,
    });
    assert.ok(since <= Date.now());
  });

  it('count no list twice of which most was finished before the scheduler came', async () => {
    await using rig = await openRig({ work });
    rig.conductor.take(routed([], { ...to('last@x'), expanded: 1, made: 100 }));
    await waitFor(() => rig.books().queued === 0);
    const { entered, made, expanded, delivered: arrived } = rig.books();
    assert.deepEqual([entered, made, expanded, arrived], [0, 2, 1, 1]);
  });

  it('know what commands have, take over, and give back', async () => {
    await using rig = await openRig({ work: () => undefined });
    const [one, two] = [routed([HOP, OTHER]), routed([HOP])].map((message) => ({
      ...message,
      parts: message.parts.map((part) => ({ ...part, until: Date.now() + 1e6 })),
    }));
    for (const message of [one, two]) if (message) rig.conductor.take(message);
    const ids = [one?.id ?? '', two?.id ?? ''];
    rig.claims.claim(ids);
    assert.deepEqual([rig.books().queued, imbalanceOf(rig.books())], [3, 0], 'lent, it is here still');
    rig.claims.forget(ids.slice(0, 1));
    rig.claims.giveBack(ids.slice(1));
    assert.deepEqual([rig.books().commands, rig.books().queued, imbalanceOf(rig.books())], [2, 1, 0]);
  });

  it('show what is lost in memory, and what is there twice', async () => {
    const rig = await openRig({ work: delivered });
    const told: number[] = [];
    const { conductor, claims, index } = rig;
    const audit = new Audit({ conductor, claims, index, onChange: (missing) => told.push(missing) });
    const message = routed([], { parts: [{ hop: HOP, to: ['a@x', 'b@x'], until: Date.now() + 1e6 }] });
    conductor.take(message);
    audit.look();
    const [row] = index.takeOfId(message.id);
    audit.look();
    audit.look();
    for (const _ of [1, 2]) if (row) index.add(row);
    audit.look();
    if (row) index.takeOfId(message.id);
    if (row) index.add(row);
    audit.look();
    assert.deepEqual(told, [2, -2, 0], 'each once');
    await rig[Symbol.asyncDispose]();
  });
});
