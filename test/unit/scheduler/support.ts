/** A conductor with real sockets, and a transport worker that does what a test says. */
import assert from 'node:assert/strict';
import type { Books } from '../../../src/ipc/insight.ts';
import type { Done, Frame, Job, OpenLane, Routed } from '../../../src/ipc/messages.ts';
import type { Hop, Outcome } from '../../../src/mail/outcome.ts';
import { connectPeer } from '../../../src/ipc/connect.ts';
import { makeHello } from '../../../src/ipc/hello.ts';
import { listenForPeers } from '../../../src/ipc/listen.ts';
import type { Peer } from '../../../src/ipc/peer.ts';
import { journalHandle } from '../../../src/queue/handle.ts';
import { createIdSource, timeOfId } from '../../../src/queue/queue-id.ts';
import type { QueueId } from '../../../src/queue/store.ts';
import { WaitingIndex } from '../../../src/queue/waiting-index.ts';
import { imbalanceOf } from '../../../src/scheduler/books.ts';
import { Claims } from '../../../src/scheduler/claims.ts';
import { Conductor, type ConductorOptions, type ConductorRules } from '../../../src/scheduler/conductor.ts';
import { LostLanes } from '../../../src/scheduler/lost-lanes.ts';
import { Segments } from '../../../src/scheduler/segments.ts';
import { makeTemp } from '../../support/temp.ts';

const next = createIdSource();
export const SEGMENT = `${next()}.acceptor-1-test`;
export const HOP: Hop = { channel: 'smtp', next: '[192.0.2.1]:25' };

export interface GivenJob {
  readonly job: Job;
  readonly lane: OpenLane;
  readonly peer: Peer;
  readonly done: (outcomes: readonly Outcome[], more?: Partial<Done>) => void;
}

export interface Rig extends AsyncDisposable {
  readonly conductor: Conductor;
  readonly segments: Segments;
  readonly index: WaitingIndex;
  readonly claims: Claims;
  readonly books: () => Books;
  readonly jobs: GivenJob[];
  readonly removed: string[];
  readonly held: string[];
  /** What dead workers left, by queue id. */
  readonly recorded: Map<string, readonly Outcome[]>;
  /** What was made durable of that once more. */
  readonly kept: Map<string, readonly Outcome[]>;
  readonly lanes: OpenLane[];
  rules: ConductorRules;
  /** Lets that many milliseconds pass for the accounts of the segments. */
  readonly pass: (ms: number) => void;
}

export const RULES: ConductorRules = {
  lanes: { start: 100, perBin: 2, perChannel: { smtp: 4, lmtp: 2, maildir: 2, bounce: 2 }, depth: 2, idleMs: 60_000 },
  retry: { lifetime: 1e9, bounceLifetime: 1e9, warnAfter: 0, times: [50, 100] },
  window: 1000,
};

export interface RigOptions {
  readonly rules?: Partial<ConductorRules>;
  /** Answers each job; absent: the test does. */
  readonly work?: (given: GivenJob) => void;
  /** Holding a message fails while this says so. */
  readonly holdFails?: () => boolean;
  readonly askSite?: ConductorOptions['askSite'];
  readonly index?: WaitingIndex;
  readonly isDeleted?: (id: string) => boolean;
}

export async function openRig(options: RigOptions = {}): Promise<Rig> {
  const path = `${makeTemp('lanes')}/x.sock`;
  const { index = new WaitingIndex(':memory:') } = options;
  const [jobs, lanes, removed, held]: [GivenJob[], OpenLane[], string[], string[]] = [[], [], [], []];
  const recorded = new Map<string, readonly Outcome[]>();
  const kept = new Map<string, readonly Outcome[]>();
  const onPeer = (peer: Peer): void => {
    let lane: OpenLane | undefined;
    peer.onFrame = (frame: Frame) => {
      if (frame.t === 'open') lanes.push((lane = frame));
      if (frame.t !== 'job' || !lane) return;
      const given: GivenJob = {
        job: frame,
        lane,
        peer,
        done: (outcomes, more = {}) => peer.send({ t: 'done', n: frame.n, outcomes, ...more }),
      };
      jobs.push(given);
      options.work?.(given);
    };
  };
  const server = await listenForPeers({ path, self: makeHello({ farm: 'smtp', worker: 'smtp-1-test' }), onPeer });
  let passed = 0;
  const segments = new Segments({
    linger: 60_000,
    remove: (name) => void removed.push(name),
    exists: () => true,
    begunAt: timeOfId,
    ticks: () => performance.now() + passed,
  });
  const self = makeHello({ farm: 'scheduler', worker: 'scheduler-1-test' });
  const lost = new LostLanes({
    conductor: () => rig.conductor,
    recordedBy: async () => recorded,
    hold: async (part) => {
      if (options.holdFails?.() === true) throw new Error('the disk is full');
      held.push(part.message.id);
    },
    keep: async (part, outcomes) => void kept.set(part.message.id, outcomes),
    retryMs: 1,
    onEvent: () => undefined,
  });
  const conductor = new Conductor({
    rules: () => rig.rules,
    index,
    segments,
    remove: (id) => void removed.push(id),
    inTree: () => false,
    onEvent: () => undefined,
    askSite: options.askSite ?? (async () => ({ ttl: 60_000 })),
    owner: {
      connect: () => connectPeer({ address: path, self, deadlineMs: 60_000 }),
      lost: (lane, what) => void lost.recover(lane, what),
    },
  });
  const claims = new Claims(conductor, options.isDeleted);
  const rig: Rig = {
    conductor,
    claims,
    books: () => conductor.books.tell(conductor.ledger.recipients + index.recipients + claims.recipients),
    segments,
    index,
    jobs,
    removed,
    held,
    recorded,
    kept,
    lanes,
    pass: (ms) => void (passed += ms),
    rules: { ...RULES, ...options.rules },
    async [Symbol.asyncDispose]() {
      conductor.dispatcher.stop();
      const books = rig.books();
      conductor.close();
      rig.rules = { ...rig.rules, lanes: { ...rig.rules.lanes, idleMs: 0 } };
      await server.close();
      conductor.dispatcher.closeIdle();
      assert.equal(imbalanceOf(books), 0, JSON.stringify(books));
    },
  };
  return rig;
}

let ordinal = 0;

/** A routed message in the journal, one recipient for each hop. */
export function routed(hops: readonly Hop[] = [HOP], more: Partial<Routed> = {}): Omit<Routed, 'n'> & { id: QueueId } {
  const id = next();
  const handle = journalHandle(id, { segment: SEGMENT, ordinal: ordinal++, offset: 0, length: 100 });
  const parts = hops.map((hop, i) => ({ hop, to: [`to-${i}@example.org`] }));
  return {
    id,
    t: 'routed',
    handle,
    sender: 'from@example.net',
    received: Date.now(),
    tenant: 'default',
    size: 1,
    parts,
    ...more,
  };
}

export const delivered = (given: GivenJob): void =>
  given.done([{ state: 'delivered', recipients: given.job.to, at: Date.now() }]);

export function deferred(given: GivenJob, until: number): void {
  const { to, attempts } = given.job;
  given.done([
    { state: 'deferred', recipients: to, at: Date.now(), attempts: attempts + 1, until, hop: given.lane.hop },
  ]);
}
