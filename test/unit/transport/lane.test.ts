import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Done, Frame, Job } from '../../../src/ipc/messages.ts';
import type { Hop, Outcome } from '../../../src/mail/outcome.ts';
import type { ReadResult } from '../../../src/queue/store.ts';
import type { Deliverer, DeliveryResult } from '../../../src/transport/deliverer.ts';
import { classGiver } from '../../../src/transport/classes.ts';
import { Lane, type LaneOptions } from '../../../src/transport/lane.ts';
import { reply, verdictOf } from '../../../src/transport/replies.ts';
import { waitFor } from '../../support/wait.ts';
import { keepingLogger, makeJob, makeMessage } from './support.ts';

const HOP: Hop = { channel: 'smtp', next: '[192.0.2.1]:25' };
const OK = reply({ code: 250, status: '2.0.0', text: 'ok' });
const LATER = reply({ code: 451, status: '4.3.0', text: 'later' });
const MISSING = '01m5000000000000000';
const CORRUPT = '01m5111111111111111';
const FAR = (): number => Date.now() + 60_000;

/** A lane with the other end in hand: what stands for scheduler, store and channel is a list of what happened. */
function setUp(
  changes: Partial<LaneOptions> & {
    readonly deliver?: (job: Job) => Promise<DeliveryResult>;
    readonly bounded?: boolean;
  } = {},
) {
  const events: string[] = [];
  const sent: Frame[] = [];
  const recorded: Outcome[] = [];
  const broken: unknown[] = [];
  const log = keepingLogger();
  const peer = {
    closed: false,
    onFrame: (_frame: Frame): void => {},
    onClose: (_why: string): void => {},
    send(frame: Frame) {
      sent.push(frame);
      events.push(`sent ${frame.t} ${'n' in frame ? frame.n : ''}`);
    },
    close() {
      if (peer.closed) return;
      peer.closed = true;
      peer.onClose('closed here');
    },
  };
  const deliverer: Deliverer = {
    bounded: changes.bounded ?? false,
    async deliver(job) {
      events.push(`deliver ${job.n}`);
      return (await changes.deliver?.(job)) ?? { verdicts: [verdictOf(job.to, OK)] };
    },
    close: async () => void events.push('deliverer closed'),
  };
  const lane = new Lane({
    peer,
    channel: 'smtp',
    log,
    times: [60_000],
    makeDeliverer: () => deliverer,
    giveClass: classGiver([]),
    onBroken: (error) => broken.push(error),
    store: {
      read: (handle) =>
        Promise.resolve(
          String(handle) === MISSING
            ? { kind: 'missing' }
            : String(handle) === CORRUPT
              ? { kind: 'corrupt', why: 'torn' }
              : { kind: 'found', message: makeMessage('Subject: x\r\n\r\n') },
        ),
      record: async (_handle, outcomes) => {
        recorded.push(...outcomes);
        events.push('recorded');
      },
      moveToTree: async () => (events.push('moved'), true),
    },
    ...changes,
  });
  const open = (): void => peer.onFrame({ t: 'open', lane: 'l1', hop: HOP });
  const done = (): Done[] => sent.filter((frame) => frame.t === 'done');
  return { lane, peer, events, sent, recorded, broken, log, open, done };
}

describe('a lane', () => {
  it('keeps the reasons of a report that it had to put off, as the disk did not give the message back', async () => {
    const { peer, done, recorded } = setUp({
      channel: 'bounce',
      store: {
        read: () => Promise.reject(Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' })),
        record: async (_handle, outcomes) => void recorded.push(...outcomes),
        moveToTree: async () => true,
      },
    });
    const unknown = reply({ code: 550, status: '5.1.1', text: 'no such user' });
    const full = reply({ code: 552, status: '5.2.2', text: 'mailbox full' });
    const failures = [
      { to: ['a@b.test'], reply: unknown },
      { to: ['c@b.test'], reply: full },
    ];
    peer.onFrame({ t: 'open', lane: 'l1', hop: { channel: 'bounce', next: '' } });
    peer.onFrame(makeJob(['a@b.test', 'c@b.test'], { kind: 'failed', failures }));
    await waitFor(() => done().length === 1);
    assert.deepEqual(
      recorded.map((outcome) => [outcome.state, outcome.recipients, outcome.reply]),
      [
        ['deferred', ['a@b.test'], unknown],
        ['deferred', ['c@b.test'], full],
      ],
    );
    assert.equal(done()[0]?.trouble?.status, '4.3.0');
  });

  it('leaves recipients delivered of whom good news could not be told, whatever the trouble was', async () => {
    const job = { kind: 'relayed', failures: [{ to: ['a@b.test'], reply: OK }] } as const;
    const unreadable = { read: () => Promise.reject(new Error('EIO')), record: assert.fail, moveToTree: assert.fail };
    for (const changes of [{ store: unreadable }, { deliver: () => Promise.reject(new TypeError('bug')) }]) {
      const { peer, done, recorded } = setUp({ channel: 'bounce', ...changes });
      peer.onFrame({ t: 'open', lane: 'l1', hop: { channel: 'bounce', next: '' } });
      peer.onFrame(makeJob(['a@b.test'], job));
      await waitFor(() => done().length === 1);
      assert.deepEqual([recorded, done()[0]?.outcomes], [[], []]);
      assert.equal(done()[0]?.trouble?.status, '4.3.0');
    }
    const { peer, done, log } = setUp({ channel: 'bounce' });
    peer.onFrame({ t: 'open', lane: 'l1', hop: { channel: 'bounce', next: '' } });
    peer.onFrame(makeJob(['a@b.test'], job));
    await waitFor(() => done().length === 1);
    assert.deepEqual(
      log.lines.map(({ event }) => event),
      ['notified'],
    );
  });

  it('answers when the outcome is durable', async () => {
    const { peer, open, done, events, log } = setUp();
    open();
    peer.onFrame(makeJob(['a@b.test'], { n: 7, attempts: 2 }));
    await waitFor(() => done().length === 1);
    assert.deepEqual(events, ['deliver 7', 'recorded', 'sent done 7']);
    const [outcome] = done()[0]?.outcomes ?? [];
    assert.deepEqual(
      { ...outcome, at: 0 },
      { state: 'delivered', recipients: ['a@b.test'], at: 0, attempts: 3, reply: OK },
    );
    const line = log.lines.find(({ event }) => event === 'attempt');
    assert.equal(line?.fields['state'], 'delivered');
    assert.deepEqual(line?.fields['to'], ['a@b.test']);
  });

  it('says what an answer means: in the log, on disk and to the scheduler', async () => {
    const full = reply({ code: 550, status: '5.0.0', text: 'sorry, over quota' });
    const { peer, open, done, recorded, log } = setUp({
      deliver: async ({ to }) => ({ verdicts: [verdictOf(to, full)] }),
    });
    open();
    peer.onFrame(makeJob(['a@b.test']));
    await waitFor(() => done().length === 1);
    assert.equal(recorded[0]?.reply?.class, 'mailbox-full');
    assert.equal(done()[0]?.outcomes[0]?.reply?.class, 'mailbox-full');
    assert.equal(log.lines.find(({ event }) => event === 'attempt')?.fields['class'], 'mailbox-full');
  });

  it('works one job after another, the next while the sync of the last runs', async () => {
    let finishSync = (): void => {};
    const { peer, open, done, events } = setUp({
      store: {
        read: async () => ({ kind: 'found', message: makeMessage('') }),
        record: () => new Promise((resolve) => (finishSync = resolve)),
        moveToTree: async () => false,
      },
    });
    open();
    peer.onFrame(makeJob(['a@b.test'], { n: 1 }));
    peer.onFrame(makeJob(['a@b.test'], { n: 2 }));
    await waitFor(() => events.includes('deliver 2'));
    assert.equal(done().length, 0);
    finishSync();
    await waitFor(() => done().length === 1);
  });

  it('gives what stays its own file first, and says when to try again', async () => {
    const { peer, open, done, events } = setUp({
      deliver: async ({ to }) => ({ verdicts: [verdictOf(to, LATER)], trouble: LATER }),
    });
    open();
    peer.onFrame(makeJob(['a@b.test']));
    await waitFor(() => done().length === 1);
    assert.deepEqual(events, ['deliver 1', 'moved', 'recorded', 'sent done 1']);
    const [frame] = done();
    assert.equal(frame?.moved, true);
    assert.deepEqual(frame?.trouble, { ...LATER, class: 'system' });
    assert.deepEqual(frame?.outcomes[0]?.hop, HOP);
    assert.ok((frame?.outcomes[0]?.until ?? 0) > Date.now());
  });

  it('records also what could not be moved', async () => {
    const recorded: Outcome[] = [];
    const { peer, open, done, log } = setUp({
      deliver: async ({ to }) => ({ verdicts: [verdictOf(to, LATER)] }),
      store: {
        read: async () => ({ kind: 'found', message: makeMessage('') }),
        record: async (_handle, outcomes) => void recorded.push(...outcomes),
        moveToTree: () => Promise.reject(new Error('disk full')),
      },
    });
    open();
    peer.onFrame(makeJob(['a@b.test']));
    await waitFor(() => done().length === 1);
    assert.equal(recorded.length, 1);
    assert.equal(done()[0]?.moved, undefined);
    assert.ok(log.lines.some(({ event }) => event === 'unmoved'));
  });

  it('has nothing to do for a message that is gone', async () => {
    const { peer, open, done, events } = setUp();
    open();
    peer.onFrame(makeJob(['a@b.test'], { handle: MISSING }));
    await waitFor(() => done().length === 1);
    assert.deepEqual(done()[0]?.outcomes, []);
    assert.deepEqual(events, ['sent done 1']);
  });

  it('holds a damaged message', async () => {
    const { peer, open, done, recorded, log } = setUp();
    open();
    peer.onFrame(makeJob(['a@b.test'], { handle: CORRUPT }));
    await waitFor(() => done().length === 1);
    assert.equal(recorded[0]?.state, 'held');
    assert.match(recorded[0]?.why ?? '', /torn/);
    assert.ok(log.lines.some(({ level, event }) => level === 'error' && event === 'corrupt'));
  });

  it('defers a message over which its channel fails, and goes on', async () => {
    const { peer, open, done, events, log } = setUp({
      deliver: ({ n, to }) =>
        n === 1 ? Promise.reject(new TypeError('bug')) : Promise.resolve({ verdicts: [verdictOf(to, OK)] }),
    });
    open();
    peer.onFrame(makeJob(['a@b.test'], { n: 1 }));
    peer.onFrame(makeJob(['a@b.test'], { n: 2 }));
    await waitFor(() => done().length === 2);
    assert.deepEqual(
      done()
        .map(({ outcomes }) => outcomes[0]?.state)
        .toSorted((a, b) => String(a).localeCompare(String(b))),
      ['deferred', 'delivered'],
    );
    assert.ok(events.includes('deliverer closed'));
    assert.ok(log.lines.some(({ event }) => event === 'bug'));
  });

  it('tells of a disk on which nothing can be recorded', async () => {
    const { peer, open, broken, done } = setUp({
      store: {
        read: async () => ({ kind: 'found', message: makeMessage('') }),
        record: () => Promise.reject(new Error('EIO')),
        moveToTree: async () => false,
      },
    });
    open();
    peer.onFrame(makeJob(['a@b.test']));
    await waitFor(() => broken.length === 1);
    assert.equal(done().length, 0);
  });

  it('runs what waits for durability after the record', async () => {
    const order: string[] = [];
    const { peer, open, events } = setUp({
      deliver: async ({ to }) => ({
        verdicts: [verdictOf(to, OK)],
        whenDurable: async () => void order.push('durable'),
      }),
    });
    open();
    peer.onFrame(makeJob(['a@b.test']));
    await waitFor(() => order.length === 1);
    assert.deepEqual(events, ['deliver 1', 'recorded', 'sent done 1']);
  });
});

describe('a lane that is sent much ahead', () => {
  it('works all of it, up to what lanes.depth may be', async () => {
    const { peer, open, done, lane } = setUp();
    open();
    for (let n = 1; n <= 100; n += 1) peer.onFrame(makeJob(['a@b.test'], { n }));
    await waitFor(() => done().length === 100);
    assert.ok(!peer.closed);
    await lane.stop(FAR());
  });

  it('gives up its lease over a breach only when nothing is at work', async () => {
    const { peer, recorded, open, events, lane } = setUp({
      makeDeliverer: () => {
        let cut = (_result: DeliveryResult): void => {};
        return {
          bounded: true,
          deliver: () => new Promise((resolve) => (cut = resolve)),
          close: async () => {
            events.push(`cut, ${peer.closed ? 'closed' : 'open'}`);
            cut({ verdicts: [verdictOf(['a@b.test'], LATER)] });
          },
        };
      },
    });
    open();
    peer.onFrame(makeJob(['a@b.test']));
    await waitFor(() => lane.busy);
    open();
    await waitFor(() => peer.closed);
    assert.equal(recorded[0]?.state, 'deferred');
    assert.ok(events.includes('cut, open') && events.includes('sent done 1'), events.join());
  });
});

describe('a lane that is long at work', () => {
  const beats = (sent: readonly Frame[]): number => sent.filter(({ t }) => t === 'at-work').length;

  it('says so while outcomes wait for the disk, and nothing when it is done', async () => {
    let take = (): void => {};
    const { peer, open, done, sent, lane } = setUp({
      beatMs: 1,
      store: {
        read: async () => ({ kind: 'found', message: makeMessage('') }),
        record: () => new Promise((resolve) => (take = resolve)),
        moveToTree: async () => false,
      },
    });
    open();
    peer.onFrame(makeJob(['a@b.test']));
    await waitFor(() => beats(sent) >= 2);
    take();
    await waitFor(() => done().length === 1);
    const [told, other] = [beats(sent), setUp({ beatMs: 1, bounded: true, deliver: () => new Promise(() => {}) })];
    other.open();
    other.peer.onFrame(makeJob(['a@b.test']));
    await waitFor(() => beats(other.sent) >= 2);
    assert.equal(beats(sent), told);
    await lane.stop(FAR());
    void other.lane.stop(Date.now());
  });

  it('says so while limits of its channel run, and nothing where there are none', async () => {
    const deliver = (): Promise<DeliveryResult> => new Promise(() => {});
    const [hung, slow] = [false, true].map((bounded) => setUp({ beatMs: 1, bounded, deliver }));
    for (const { peer, open } of [hung!, slow!]) {
      open();
      peer.onFrame(makeJob(['a@b.test']));
    }
    await waitFor(() => beats(slow!.sent) >= 3);
    assert.equal(beats(hung!.sent), 0);
    for (const { lane } of [hung!, slow!]) void lane.stop(Date.now());
  });
});

describe('a handle that is none', () => {
  it('ends the lane, and names no file', async () => {
    const { peer, open, done, recorded, lane } = setUp();
    open();
    peer.onFrame(makeJob(['a@b.test'], { handle: '../../etc/passwd' }));
    await waitFor(() => peer.closed);
    await lane.stop(FAR());
    assert.deepEqual([done().length, recorded.length], [0, 0]);
  });
});

describe('the end of a lane', () => {
  it('finishes the job at hand when the scheduler is gone, records it, and starts no other', async () => {
    let finish = (_result: DeliveryResult): void => {};
    const { peer, open, events, recorded, lane } = setUp({
      deliver: () => new Promise((resolve) => (finish = resolve)),
    });
    open();
    peer.onFrame(makeJob(['a@b.test'], { n: 1 }));
    peer.onFrame(makeJob(['a@b.test'], { n: 2 }));
    await waitFor(() => events.includes('deliver 1'));
    peer.close();
    finish({ verdicts: [verdictOf(['a@b.test'], OK)] });
    await lane.stop(FAR());
    assert.equal(recorded.length, 1);
    assert.ok(!events.includes('deliver 2'));
    assert.ok(events.includes('deliverer closed'));
  });

  it('is told first, and what comes after that is given back like what waits', async () => {
    let finish = (_result: DeliveryResult): void => {};
    const { peer, open, sent, events, lane } = setUp({ deliver: () => new Promise((resolve) => (finish = resolve)) });
    open();
    for (const n of [1, 2]) peer.onFrame(makeJob(['a@b.test'], { n }));
    await waitFor(() => events.includes('deliver 1'));
    const ended = lane.stop(FAR());
    peer.onFrame(makeJob(['a@b.test'], { n: 3 }));
    finish({ verdicts: [verdictOf(['a@b.test'], OK)] });
    await ended;
    assert.deepEqual(
      sent.map((frame) => `${frame.t} ${'n' in frame ? frame.n : ''}`.trim()),
      ['leaving', 'refused 2', 'refused 3', 'done 1'],
    );
  });

  it('cuts a delivery short at the deadline', async () => {
    let finish = (_result: DeliveryResult): void => {};
    const base = setUp();
    const { peer, open, done, lane } = setUp({
      makeDeliverer: () => ({
        bounded: true,
        deliver: () => new Promise((resolve) => (finish = resolve)),
        close: async () => finish({ verdicts: [verdictOf(['a@b.test'], LATER)] }),
      }),
    });
    open();
    peer.onFrame(makeJob(['a@b.test']));
    await waitFor(() => lane.busy);
    await lane.stop(Date.now());
    assert.equal(done()[0]?.outcomes[0]?.state, 'deferred');
    assert.ok(peer.closed);
    await base.lane.stop(FAR());
  });

  it('gives back what was still being read at the deadline: nothing would cut that short', async () => {
    let found = (_result: ReadResult): void => {};
    const { peer, open, events, sent, recorded, lane } = setUp({
      deliver: () => new Promise(() => undefined),
      store: {
        read: () => new Promise((resolve) => (found = resolve)),
        record: async () => undefined,
        moveToTree: async () => true,
      },
    });
    open();
    peer.onFrame(makeJob(['a@b.test']));
    const ended = lane.stop(Date.now());
    // Behind the timer of the deadline.
    await new Promise((resolve) => setTimeout(resolve, 1));
    found({ kind: 'found', message: makeMessage('') });
    await waitFor(() => peer.closed || events.includes('deliver 1'));
    assert.deepEqual(
      sent.map(({ t }) => t),
      ['leaving', 'refused'],
    );
    await ended;
    assert.equal(recorded.length, 0);
  });

  it('comes at once where nothing is at work', async () => {
    let ended = 0;
    const { peer, lane } = setUp({ onEnd: () => (ended += 1) });
    await lane.stop(FAR());
    await lane.stop(FAR());
    assert.ok(peer.closed);
    assert.equal(ended, 1);
  });

  for (const [name, frames] of [
    ['a job before open', [makeJob(['a@b.test'])]],
    [
      'another open',
      [
        { t: 'open', lane: 'l', hop: HOP },
        { t: 'open', lane: 'l', hop: HOP },
      ],
    ],
    ['a hop of another channel', [{ t: 'open', lane: 'l', hop: { channel: 'maildir', next: 'x/y' } }]],
    ['a frame of another stage', [{ t: 'taken', n: 1 }]],
    [
      'too many jobs',
      [{ t: 'open', lane: 'l', hop: HOP }, ...Array.from({ length: 102 }, (_, n) => makeJob(['a@b.test'], { n }))],
    ],
  ] as const) {
    it(`comes with ${name}`, async () => {
      const { peer, log, lane } = setUp();
      for (const frame of frames) peer.onFrame(frame);
      await waitFor(() => peer.closed);
      assert.ok(log.lines.some(({ event }) => event === 'lane'));
      await lane.stop(FAR());
    });
  }
});
