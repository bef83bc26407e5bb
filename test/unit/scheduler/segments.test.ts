import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Segments } from '../../../src/scheduler/segments.ts';

const LINGER = 60_000;

interface Books {
  readonly segments: Segments;
  readonly removed: string[];
  readonly at: (time: number) => void;
  /** Sets the clock, and no time passes. */
  readonly setClock: (time: number) => void;
  /** Segments whose files are not there. */
  readonly missing: Set<string>;
}

/** Names of segments here are the times at which they were begun. */
function open(walking = false): Books {
  const removed: string[] = [];
  const missing = new Set<string>();
  let passed = 0;
  let clock = 1_000_000;
  const segments = new Segments({
    linger: LINGER,
    remove: (segment) => void removed.push(segment),
    exists: (name) => !missing.has(name),
    begunAt: Number,
    now: () => clock + passed,
    ticks: () => passed,
  });
  if (!walking) segments.walking = false;
  return {
    segments,
    removed,
    missing,
    at: (time) => void (passed = time),
    setClock: (time) => void (clock = time - passed),
  };
}

describe('accounts of journal segments', () => {
  it('remove a segment when it is closed and all in it is finished, not before', () => {
    const { segments, removed } = open();
    assert.equal(segments.note('1', 0), true);
    assert.equal(segments.note('1', 0), false, 'known by now');
    segments.note('1', 1);
    assert.equal(segments.finish('1', 0), 'journal');
    assert.equal(segments.finish('1', 0), 'tree');
    segments.close('journal/1', 2, []);
    assert.deepEqual(removed, []);
    segments.finish('1', 1);
    assert.deepEqual(removed, ['journal/1']);
    assert.equal(segments.note('1', 0), false, 'nothing of it is new any more');
    assert.equal(segments.size, 0);
  });

  it('take an outcome segment that is told of again for what it was: closed since then, and folded', () => {
    const { segments, removed, at } = open();
    segments.note('1', 0);
    segments.close('outcome/1', 1, []);
    segments.folded(['1']);
    at(LINGER - 1);
    segments.close('outcome/1', 1, []);
    segments.close('journal/1', 1, [0]);
    assert.deepEqual(removed, ['journal/1']);
    at(LINGER + 1);
    segments.releaseOutcomes();
    assert.deepEqual(removed, ['journal/1', 'outcome/1']);
  });

  it('wait for records that nobody told of yet', () => {
    const { segments, removed } = open();
    segments.close('journal/1', 2, []);
    segments.note('1', 1);
    segments.finish('1', 1);
    assert.deepEqual(removed, []);
    segments.finish('1', 0);
    assert.deepEqual(removed, ['journal/1']);
  });

  it('count what held nothing to deliver, also when that is told late', () => {
    const { segments, removed } = open();
    segments.note('1', 0);
    segments.finish('1', 0);
    segments.close('journal/1', 3, [1]);
    assert.deepEqual(removed, []);
    segments.close('journal/1', 0, [2]);
    assert.deepEqual(removed, ['journal/1']);
  });

  it('keep a segment whose total was told too low, while anything known of it is at work', () => {
    const { segments, removed } = open();
    for (const ordinal of [0, 5]) segments.note('1', ordinal);
    segments.close('journal/1', 1, []);
    segments.finish('1', 0);
    assert.deepEqual(removed, []);
    segments.finish('1', 5);
    assert.deepEqual(removed, ['journal/1']);
  });

  it('open no account for late word of a segment that is gone, which would keep all outcomes', () => {
    const { segments, removed, missing, at } = open();
    segments.note('1', 0);
    segments.close('journal/1', 1, []);
    segments.finish('1', 0);
    missing.add('2');
    for (const name of ['1', '2']) {
      segments.close(`journal/${name}`, 0, [0]);
      segments.close(`journal/${name}`, 3, [0]);
      assert.equal(segments.note(name, 1), false);
    }
    segments.close('outcome/3', 0, []);
    at(LINGER);
    segments.releaseOutcomes();
    assert.deepEqual(removed, ['journal/1', 'outcome/3']);
    assert.equal(segments.size, 0);
  });

  it('are not broken by numbers from a broken frame', () => {
    const { segments, removed } = open();
    assert.equal(segments.note('1', Number.MAX_SAFE_INTEGER), false);
    assert.equal(segments.finish('1', 2 ** 40), 'tree');
    segments.close('journal/1', Number.MAX_SAFE_INTEGER, [2 ** 50]);
    segments.close('nonsense', 1, []);
    assert.deepEqual(segments.plan(), { segments: [], outcomes: [] });
    assert.deepEqual(removed, []);
  });

  it('plan what lingers, and only that', () => {
    const { segments, at } = open();
    for (const ordinal of [0, 1, 2]) segments.note('1', ordinal);
    segments.close('journal/1', 3, []);
    segments.finish('1', 1);
    at(LINGER - 1);
    assert.equal(segments.wantsSettling(), false);
    at(LINGER);
    assert.equal(segments.wantsSettling(), true);
    assert.deepEqual(segments.plan().segments, [{ segment: '1', ordinals: [0, 2] }]);
  });

  it('plan what lingers although each look tells of it again', () => {
    const { segments, at } = open();
    segments.note('1', 0);
    for (const time of [0, LINGER / 2, LINGER]) {
      at(time);
      segments.close('journal/1', 1, []);
    }
    assert.deepEqual(segments.plan().segments, [{ segment: '1', ordinals: [0] }]);
  });

  it('plan what lingers wherever the clock is set meanwhile, and fold no later', () => {
    for (const time of [10, 1_000_000_000]) {
      const { segments, removed, at, setClock } = open();
      for (const name of ['1', '2']) {
        segments.note(name, 0);
        segments.close(`journal/${name}`, 1, []);
      }
      segments.finish('2', 0);
      segments.close('outcome/3', 1, []);
      setClock(time);
      assert.equal(segments.wantsSettling(), false);
      at(LINGER);
      assert.deepEqual(segments.plan(), { segments: [{ segment: '1', ordinals: [0] }], outcomes: [] });
      setClock(20);
      at(2 * LINGER + 1);
      assert.deepEqual(segments.plan().segments, [{ segment: '1', ordinals: [0] }]);
      segments.settled('1', [0]);
      assert.deepEqual(segments.plan().outcomes, ['3']);
      segments.folded(['3']);
      assert.deepEqual(removed, ['journal/2', 'journal/1', 'outcome/3']);
    }
  });
});

describe('settling', () => {
  function lingering(): Books {
    const books = open();
    for (const ordinal of [0, 1]) books.segments.note('1', ordinal);
    books.segments.close('journal/1', 2, []);
    books.at(LINGER);
    assert.deepEqual(books.segments.plan().segments, [{ segment: '1', ordinals: [0, 1] }]);
    return books;
  }

  it('finishes what was moved, and the segment goes', () => {
    const { segments, removed } = lingering();
    segments.settled('1', [0, 1]);
    assert.deepEqual(removed, ['journal/1']);
    assert.equal(segments.doubts, 0);
  });

  it('keeps the segment until the settler said that the files are there, whatever ends meanwhile', () => {
    const { segments, removed } = lingering();
    for (const ordinal of [0, 1]) assert.equal(segments.finish('1', ordinal), 'doubt');
    assert.deepEqual(removed, []);
    segments.settled('1', [1]);
    assert.deepEqual(removed, []);
    segments.settled('1', [0]);
    assert.deepEqual(removed, ['journal/1']);
  });

  it('gives nothing out twice while a settler is at it, and all of it at once when that is gone', () => {
    const { segments } = lingering();
    segments.finish('1', 0);
    assert.deepEqual(segments.plan().segments, []);
    assert.equal(segments.wantsSettling(), false);
    segments.planLost();
    assert.equal(segments.wantsSettling(), true);
    assert.deepEqual(segments.plan().segments, [{ segment: '1', ordinals: [0, 1] }]);
  });

  it('gives out again what was passed over, when its time has come once more', () => {
    const { segments, at } = lingering();
    segments.settled('1', [0]);
    at(2 * LINGER);
    assert.deepEqual(segments.plan().segments, []);
    at(2 * LINGER + 1);
    assert.deepEqual(segments.plan().segments, [{ segment: '1', ordinals: [1] }]);
  });

  it('looks after a record in doubt although it is finished', () => {
    const { segments, removed, at } = open();
    for (const ordinal of [0, 1]) segments.note('1', ordinal);
    segments.finish('1', 1);
    for (const ordinal of [0, 1, 7]) segments.doubt('1', ordinal);
    assert.equal(segments.finish('1', 0), 'doubt');
    segments.close('journal/1', 2, []);
    assert.deepEqual(removed, []);
    at(LINGER);
    assert.deepEqual(segments.plan().segments, [{ segment: '1', ordinals: [0] }]);
    segments.settled('1', [0]);
    assert.deepEqual(removed, ['journal/1']);
  });

  it('takes no answer about segments that were never planned', () => {
    const { segments, removed } = open();
    segments.note('1', 0);
    segments.close('journal/1', 1, []);
    for (const segment of ['1', '7']) segments.settled(segment, [0]);
    assert.deepEqual(removed, []);
  });
});

describe('accounts of outcome segments', () => {
  it('let them go when nothing is left that they may speak of', () => {
    const { segments, removed, at } = open();
    segments.note('999999', 0);
    segments.close('journal/999999', 1, []);
    segments.close('outcome/1000000', 0, []);
    at(LINGER);
    segments.releaseOutcomes();
    assert.deepEqual(removed, [], 'a message segment is older than its end');
    segments.finish('999999', 0);
    assert.deepEqual(removed, ['journal/999999', 'outcome/1000000']);
  });

  it('do not wait for younger message segments', () => {
    const { segments, removed, at } = open();
    segments.close('outcome/1', 0, []);
    segments.note(String(1_000_000 + 1), 0);
    at(LINGER);
    segments.releaseOutcomes();
    assert.deepEqual(removed, ['outcome/1']);
  });

  it('keep them until they are folded, where they must be', () => {
    const { segments, removed, at } = open();
    segments.close('outcome/1', 1, []);
    assert.deepEqual(segments.plan().outcomes, [], 'not yet');
    at(LINGER);
    assert.deepEqual(segments.plan().outcomes, ['1']);
    segments.releaseOutcomes();
    assert.deepEqual(removed, []);
    segments.folded(['1', 'unknown']);
    assert.deepEqual(removed, ['outcome/1']);
  });

  it('keep all of them until the injector walked, and while it walks', () => {
    const { segments, removed, at } = open(true);
    segments.close('outcome/1', 0, []);
    at(LINGER);
    segments.releaseOutcomes();
    assert.deepEqual(removed, []);
    segments.walking = true;
    segments.releaseOutcomes();
    assert.deepEqual(removed, []);
    segments.walking = false;
    segments.releaseOutcomes();
    assert.deepEqual(removed, ['outcome/1']);
  });
});
