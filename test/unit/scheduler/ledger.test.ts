import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { journalHandle, stagedHandle, treeHandle } from '../../../src/queue/handle.ts';
import { createIdSource } from '../../../src/queue/queue-id.ts';
import type { QueueId } from '../../../src/queue/store.ts';
import { WaitingIndex } from '../../../src/queue/waiting-index.ts';
import { Ledger } from '../../../src/scheduler/ledger.ts';
import { Segments } from '../../../src/scheduler/segments.ts';
import { newPart, type Message, type MessageFacts } from '../../../src/scheduler/work.ts';

const next = createIdSource();
const SEGMENT = `${next()}.acceptor-1-x`;
const facts = (handle: string): MessageFacts => ({ handle, sender: '', received: 0, tenant: 'default', size: 1 });
const inJournal = (ordinal: number): string =>
  journalHandle(next(), { segment: SEGMENT, ordinal, offset: 0, length: 1 });

interface Books {
  readonly ledger: Ledger;
  readonly segments: Segments;
  readonly index: WaitingIndex;
  readonly removed: string[];
  /** Ids of files of which nobody told. */
  readonly tree: Set<string>;
  /** What the tree was asked for. */
  readonly asked: string[];
}

function open(exists = true): Books {
  const tree = new Set<string>();
  const asked: string[] = [];
  const removed: string[] = [];
  const index = new WaitingIndex(':memory:');
  const segments = new Segments({
    linger: 0,
    remove: (name) => void removed.push(name),
    begunAt: () => 0,
    exists: () => exists,
  });
  const remove = (id: string): void => void removed.push(id);
  const onFinished = (): void => undefined;
  const inTree = (id: string): boolean => (asked.push(id), tree.has(id));
  const ledger = new Ledger({ segments, index, remove, inTree, onFinished });
  return { ledger, segments, index, removed, tree, asked };
}

function finish(ledger: Ledger, message: Message): void {
  const part = newPart(message, { hop: { channel: 'smtp', next: 'x' }, to: [], attempts: 0, warned: false });
  ledger.dropPart(part);
}

describe('the ledger', () => {
  it('takes a message of a journal once, for ever', () => {
    const { ledger } = open();
    const handle = inJournal(0);
    const message = ledger.admit(facts(handle), false);
    assert.ok(message);
    assert.equal(ledger.admit(facts(handle), false), undefined);
    finish(ledger, message);
    assert.equal(ledger.admit(facts(handle), false), undefined, 'also when it is finished');
  });

  it('takes nothing of a segment that was removed, before or after a restart', () => {
    const { ledger, segments, removed } = open();
    const handle = inJournal(0);
    const message = ledger.admit(facts(handle), false);
    segments.close(`journal/${SEGMENT}`, 1, []);
    finish(ledger, message!);
    assert.deepEqual(removed, [`journal/${SEGMENT}`]);
    assert.equal(ledger.admit(facts(handle), false), undefined);
    assert.equal(open(false).ledger.admit(facts(handle), false), undefined);
  });

  it('takes a message that was settled before it was handed on, from its new file, once', () => {
    const { ledger, segments, removed } = open();
    const [known, late, finished] = [inJournal(0), inJournal(1), inJournal(2)];
    assert.ok(ledger.admit(facts(known), false));
    segments.close(`journal/${SEGMENT}`, 3, []);
    assert.deepEqual(segments.plan().segments, [{ segment: SEGMENT, ordinals: [0, 1, 2] }]);
    segments.settled(SEGMENT, [0, 1, 2]);
    assert.deepEqual(removed, [`journal/${SEGMENT}`]);
    const message = ledger.admit(facts(late), false);
    assert.equal(message?.facts.handle, late.slice(0, 19));
    finish(ledger, message);
    assert.deepEqual(removed.slice(1), [late.slice(0, 19)]);
    assert.equal(ledger.admit(facts(late), false), undefined);
    assert.equal(ledger.admit(facts(known), false), undefined);
    const fromTree = ledger.admit(facts(finished.slice(0, 19)), false);
    finish(ledger, fromTree!);
    assert.equal(ledger.admit(facts(finished), false), undefined, 'an injector was faster');
  });

  it('takes no handle that is none, and none of a message that is only staged', () => {
    const { ledger } = open();
    for (const handle of ['', 'x', '../../etc/passwd', stagedHandle(next(), 'acceptor-1-x.1')]) {
      assert.equal(ledger.admit(facts(handle), false), undefined);
    }
  });

  it('knows a message of the tree while it is here, in the index, or claimed', () => {
    const { ledger, index } = open();
    const [here, parked, claimed] = [next(), next(), next()];
    assert.ok(ledger.admit(facts(here), false));
    index.add({ id: parked, bin: 'b', due: 1, data: '{}', recipients: 1 });
    ledger.claimed.add(claimed);
    for (const id of [here, parked, claimed]) assert.equal(ledger.admit(facts(id), false), undefined);
  });

  it('remembers what was finished while the injector walks: it may have read it before', () => {
    const { ledger, removed } = open();
    const id = next();
    ledger.walkBegins();
    finish(ledger, ledger.admit(facts(id), false)!);
    assert.deepEqual(removed, [id]);
    assert.equal(ledger.admit(facts(id), false), undefined);
    ledger.walkEnds();
    assert.equal(ledger.walking, false);
    assert.equal(ledger.admit(facts(id), false), undefined, 'it may be on its way still');
  });

  it('remembers what was finished of late without a walk, within bounds', () => {
    const { ledger } = open();
    const ids = Array.from({ length: 10_001 }, next);
    for (const id of ids) finish(ledger, ledger.admit(facts(id), false)!);
    assert.equal(ledger.admit(facts(ids[1]!), false), undefined);
    assert.equal(ledger.admit(facts(ids.at(-1)!), false), undefined);
    assert.ok(ledger.admit(facts(ids[0]!), false));
    ledger.walkBegins();
    const more = Array.from({ length: 10_001 }, next);
    for (const id of more) finish(ledger, ledger.admit(facts(id), false)!);
    assert.equal(ledger.admit(facts(more[0]!), false), undefined, 'all of a walk');
    ledger.walkEnds();
    assert.ok(ledger.admit(facts(more[0]!), false));
  });

  it('remembers one in doubt for ever, and no more of the others for its sake', () => {
    for (const walking of [false, true]) {
      const { ledger, segments } = open();
      const doubtful = ledger.admit(facts(inJournal(0)), false)!;
      ledger.doubt(doubtful.facts.handle);
      finish(ledger, doubtful);
      if (walking) ledger.walkBegins();
      const ids = Array.from({ length: 10_001 }, next);
      for (const id of ids) finish(ledger, ledger.admit(facts(id), false)!);
      if (walking) ledger.walkIsAt(ids.at(-1)!);
      assert.ok(ledger.admit(facts(ids[0]!), false), 'nobody makes a copy of it');
      assert.equal(ledger.admit(facts(doubtful.id), false), undefined, 'a copy of it may appear');
      assert.deepEqual(ledger.settled(SEGMENT, [0], [doubtful.id]), [0]);
      assert.equal(segments.doubts, 0);
    }
  });

  it('remembers what ended in doubt through a walk that saw the copy, though the record proved to be none', () => {
    const { ledger } = open();
    const message = ledger.admit(facts(inJournal(0)), false)!;
    ledger.doubt(message.facts.handle);
    finish(ledger, message);
    ledger.walkBegins();
    assert.deepEqual(ledger.settled(SEGMENT, [0], ['']), []);
    assert.equal(ledger.admit(facts(message.id), false), undefined);
  });

  it('knows what was finished while the settler gave it a file: the injector may have read that', () => {
    const { ledger, segments } = open();
    const [handle, other] = [inJournal(0), inJournal(1)];
    const message = ledger.admit(facts(handle), false)!;
    assert.ok(ledger.admit(facts(other), false));
    segments.close(`journal/${SEGMENT}`, 2, []);
    assert.deepEqual(segments.plan().segments, [{ segment: SEGMENT, ordinals: [0, 1] }]);
    finish(ledger, message);
    assert.equal(ledger.admit(facts(treeHandle(message.id as QueueId)), false), undefined);
  });

  it('forgets of a walk what lies behind the injector, but not what was finished of late', () => {
    const { ledger } = open();
    ledger.walkBegins();
    const ids = Array.from({ length: 30_000 }, next);
    for (const id of ids) finish(ledger, ledger.admit(facts(id), false)!);
    ledger.walkIsAt(ids[14_999]!);
    assert.ok(ledger.admit(facts(ids[14_999]!), false));
    assert.equal(ledger.admit(facts(ids[15_000]!), false), undefined, 'the injector may have read it');
    ledger.walkIsAt(ids.at(-1)!);
    assert.ok(ledger.admit(facts(ids[19_999]!), false));
    assert.equal(ledger.admit(facts(ids[20_001]!), false), undefined, 'it may be on its way still');
  });

  it('finishes a message with its last part, not while others are here or in the index', () => {
    const { ledger, index, removed } = open();
    const id = next();
    const message = ledger.admit(facts(id), false)!;
    const part = { hop: { channel: 'smtp' as const, next: 'x' }, to: [], attempts: 0, warned: false };
    const parts = [newPart(message, part), newPart(message, part)];
    index.add({ id, bin: 'b', due: 1, data: '{}', recipients: 1 });
    message.parked = true;
    for (const one of parts) ledger.dropPart(one);
    assert.deepEqual(removed, []);
    index.takeOfId(id);
    finish(ledger, ledger.revive(id, facts(id), false));
    assert.deepEqual(removed, [id]);
  });

  it('never finishes a message that stays', () => {
    const { ledger, removed } = open();
    finish(ledger, ledger.admit(facts(next()), true)!);
    assert.deepEqual(removed, []);
  });

  it('removes the file of a message that moved out of its journal', () => {
    const { ledger, removed } = open();
    const handle = inJournal(0);
    const message = ledger.admit(facts(handle), false)!;
    ledger.noteInTree(handle);
    finish(ledger, message);
    assert.deepEqual(removed, [message.id]);
  });

  it('removes the file of a message that was handed on from its record before the injector told of the file', () => {
    const { ledger, removed, tree, asked } = open();
    ledger.walkBegins();
    const [moved, other] = [0, 1].map((ordinal) => ledger.admit(facts(inJournal(ordinal)), false)!);
    tree.add(moved!.id);
    for (const message of [moved!, other!]) finish(ledger, message);
    assert.deepEqual(removed, [moved!.id]);
    assert.equal(ledger.admit(facts(moved!.id), false), undefined, 'the walk read it as unfinished');
    assert.equal(asked.length, 2);
    ledger.walkEnds();
    finish(ledger, ledger.admit(facts(inJournal(2)), false)!);
    assert.equal(asked.length, 2, 'costs nothing without a walk');
  });

  it('removes the file of a message that a worker may have made before it died', () => {
    const { ledger, segments, removed } = open();
    const handle = inJournal(0);
    const message = ledger.admit(facts(handle), false)!;
    ledger.doubt(handle);
    finish(ledger, message);
    segments.close(`journal/${SEGMENT}`, 1, []);
    assert.deepEqual(removed, [message.id], 'and the segment stays: the file may appear again');
  });

  it('says to the settler whose messages ended while it made them files, also those that went on under the new one', () => {
    const { ledger, segments, removed } = open();
    const here = [0, 1, 2].map((ordinal) => ledger.admit(facts(inJournal(ordinal)), false)!);
    const [left, ended, retried] = here.map(({ id }) => id) as [string, string, string];
    segments.close(`journal/${SEGMENT}`, 4, []);
    segments.plan();
    finish(ledger, here[1]!);
    ledger.noteInTree(here[2]!.facts.handle);
    ledger.release(here[2]!);
    finish(ledger, ledger.admit(facts(retried), false)!);
    const all: string[] = [];
    for (let i = 0; i < 20_000; i += 1) {
      const id = next();
      all.push(id);
      finish(ledger, ledger.admit(facts(id), false)!);
    }
    assert.equal(ledger.admit(facts(ended), false), undefined, 'the walk may have seen the copy');
    removed.length = 0;
    assert.deepEqual(ledger.settled(SEGMENT, [0, 1, 2, 3], [left, ended, retried, '']), [1, 2]);
    assert.deepEqual(removed, [ended, retried, `journal/${SEGMENT}`]);
    assert.ok(ledger.admit(facts(all[0]!), false), 'forgotten, as nobody can make a copy of it');
  });
});
