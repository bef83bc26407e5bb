/** A scheduler with real accounts and no lanes, and a router that takes everything, for the injector to talk to. */
import type { Frame } from '../../../src/ipc/messages.ts';
import { connectPeer } from '../../../src/ipc/connect.ts';
import { openHandOn, type HandOn } from '../../../src/ipc/hand-on.ts';
import { makeHello } from '../../../src/ipc/hello.ts';
import { listenForPeers } from '../../../src/ipc/listen.ts';
import type { Peer } from '../../../src/ipc/peer.ts';
import type { Logger } from '../../../src/log/logger.ts';
import { timeOfId } from '../../../src/queue/queue-id.ts';
import { WaitingIndex } from '../../../src/queue/waiting-index.ts';
import { Ledger } from '../../../src/scheduler/ledger.ts';
import { Segments } from '../../../src/scheduler/segments.ts';
import { makeTemp } from '../../support/temp.ts';

export const SELF = makeHello({ farm: 'injector', worker: 'injector-1-test' });

export interface Farm extends AsyncDisposable {
  readonly scheduler: Peer;
  readonly router: HandOn;
  readonly schedulerHandOn: HandOn;
  readonly segments: Segments;
  readonly ledger: Ledger;
  /** What each stage was sent. */
  readonly toRouter: Frame[];
  readonly toScheduler: Frame[];
  /** Segments and ids of messages. */
  readonly removed: string[];
  /** Called before the scheduler answers `moved`. */
  onMoved: () => void;
  /** Most frames that waited for `taken` at a time. */
  readonly most: () => number;
}

export async function openFarm(now: () => number = Date.now): Promise<Farm> {
  const folder = makeTemp('injector');
  const [toRouter, toScheduler, removed]: [Frame[], Frame[], string[]] = [[], [], []];
  const segments = new Segments({
    linger: 0,
    remove: (name) => void removed.push(name),
    exists: () => true,
    begunAt: timeOfId,
    ticks: now,
  });
  segments.walking = false;
  const ledger = new Ledger({
    segments,
    index: new WaitingIndex(':memory:'),
    remove: (id) => void removed.push(id),
    inTree: () => false,
    onFinished: () => undefined,
  });
  let [open, most] = [0, 0];
  const take = (frame: Frame, peer: Peer): void => {
    if (!('n' in frame)) return;
    most = Math.max(most, (open += 1));
    setImmediate(() => {
      open -= 1;
      peer.send({ t: 'taken', n: frame.n });
    });
  };
  const serve = (frame: Frame, peer: Peer): void => {
    if (frame.t === 'segment') segments.close(frame.segment, frame.total, frame.finished ?? []);
    if (frame.t === 'folded') segments.folded(frame.outcomes);
    if (frame.t === 'plan?') return peer.send({ t: 'plan', n: frame.n, ...segments.plan() });
    if (frame.t === 'moved') {
      farm.onMoved();
      const { n, segment, ordinals, ids } = frame;
      return peer.send({ t: 'gone', n, ordinals: ledger.settled(segment, ordinals, ids) });
    }
    take(frame, peer);
  };
  const listen = (name: string, frames: Frame[], answer: typeof serve): ReturnType<typeof listenForPeers> =>
    listenForPeers({
      path: `${folder}/${name}`,
      self: makeHello({ farm: name, worker: `${name}-1-test` }),
      onPeer: (peer) => {
        peer.onFrame = (frame) => {
          frames.push(frame);
          answer(frame, peer);
        };
      },
    });
  const servers = [await listen('router', toRouter, take), await listen('scheduler', toScheduler, serve)];
  const scheduler = await connectPeer({ address: `${folder}/scheduler`, self: SELF, deadlineMs: 60_000 });
  const farm: Farm = {
    scheduler,
    router: openHandOn({ address: `${folder}/router`, self: SELF }),
    schedulerHandOn: openHandOn({ address: `${folder}/scheduler`, self: SELF }),
    segments,
    ledger,
    toRouter,
    toScheduler,
    removed,
    onMoved: () => undefined,
    most: () => most,
    async [Symbol.asyncDispose]() {
      await farm.router.close(Date.now() + 5000);
      await farm.schedulerHandOn.close(Date.now() + 5000);
      scheduler.close();
      for (const server of servers) await server.close();
    },
  };
  return farm;
}

/** A log that keeps the names of events. */
export function listLog(): { readonly log: Logger; readonly events: string[] } {
  const events: string[] = [];
  const note = (event: string): void => void events.push(event);
  return {
    events,
    log: {
      info: note,
      warn: note,
      error: note,
      debug: note,
      flush: async () => true,
      dropped: () => 0,
      close: () => undefined,
    },
  };
}
