/**
 * The content-filter role: answers `check` with `verdict`, for many acceptors at a time.
 *
 * It holds no promise: stopped, killed or hung, it costs the clients a 451 by the acceptor's own deadline, and nothing
 * is to be put right after it. What an acceptor no longer waits for is given up.
 */
import { pause } from '../base/deadline.ts';
import { makeHello } from '../ipc/hello.ts';
import { listenForPeers } from '../ipc/listen.ts';
import type { Check, Frame } from '../ipc/messages.ts';
import type { Peer } from '../ipc/peer.ts';
import { listenTls } from '../process/ipc-tls.ts';
import type { Role, Worker } from '../process/worker.ts';
import { idOfHandle } from '../queue/handle.ts';
import { openStore } from '../queue/open-store.ts';
import { deferral } from './filter.ts';
import { buildFilters } from './registry.ts';
import { runFilters, type Bench } from './run-filters.ts';
import { StructurePool } from './structure-pool.ts';

/** What the role needs of the worker's skeleton. */
export type FilterWorker = Pick<Worker, 'name' | 'instance' | 'farm' | 'config' | 'log' | 'fd' | 'jobDone'>;

/** Checks that one worker has in hand at a time, per thread; more are told to come again. */
const OUTSTANDING = 100;
/** How often a draining worker looks whether its clients are gone, in ms. */
const POLL_MS = 20;

/** Resolves when checks are taken; rejects when the socket or the store cannot be opened. */
export async function startFilter(worker: FilterWorker): Promise<Role> {
  const { config, log } = worker;
  const store = await openStore({ config, worker: worker.instance, log, role: 'reader' });
  const threads = Math.max(1, config.farms.filter.threads);
  const pool = new StructurePool({ threads });
  const bench: Bench = {
    store,
    log,
    filters: buildFilters(config.filters, { pool }),
    timeoutMs: config.filter.timeoutMs,
  };
  const desk = new FilterDesk(worker, { bench, limit: OUTSTANDING * threads });
  const fd = worker.fd('farm');
  const server = await listenForPeers({
    ...(fd === undefined ? { path: config.farms.filter.socket } : { fd }),
    self: makeHello({ farm: worker.farm, worker: worker.name }),
    ...listenTls(config, worker.farm),
    onPeer: (peer) => desk.serve(peer),
    onRefused: (why) => log.warn('peer-refused', { why }),
  });
  return {
    async drain(deadline) {
      await server.stopListening();
      for (const peer of server.peers) peer.send({ t: 'leaving' });
      // Who asked before it heard is answered; the acceptors close when they have all their answers.
      while (server.peers.size > 0 && Date.now() < deadline) await pause(POLL_MS);
      await server.close();
      await pool.close();
      await store.close();
    },
    stats: () => ({ ...desk.figures, threads: pool.threads }),
  };
}

class FilterDesk {
  readonly #bench: Bench;
  readonly figures = { busy: 0, accept: 0, reject: 0, defer: 0, quarantine: 0 };
  readonly #worker: FilterWorker;
  readonly #limit: number;

  constructor(worker: FilterWorker, options: { readonly bench: Bench; readonly limit: number }) {
    this.#worker = worker;
    this.#bench = options.bench;
    this.#limit = options.limit;
  }

  serve(peer: Peer): void {
    const gone = new AbortController();
    peer.onClose = () => gone.abort();
    peer.onFrame = (frame: Frame) => {
      if (frame.t === 'check') void this.#check(frame, peer, gone.signal);
      else if ('n' in frame) peer.send({ t: 'refused', n: frame.n, why: `a filter takes no ${frame.t}` });
    };
  }

  async #check(check: Check, peer: Peer, gone: AbortSignal): Promise<void> {
    if (this.figures.busy >= this.#limit) {
      peer.send({ t: 'verdict', n: check.n, ...deferral('4.3.2', 'Too many messages to check; try again later') });
      return;
    }
    this.figures.busy += 1;
    const began = performance.now();
    const answer = await runFilters(check, this.#bench, gone);
    this.figures.busy -= 1;
    this.figures[answer.verdict] += 1;
    peer.send({ t: 'verdict', n: check.n, ...answer });
    const { verdict, by } = answer;
    const ms = Math.round(performance.now() - began);
    // The acceptor logs what became of the message, also when nobody here could.
    this.#worker.log.debug('checked', { id: idOfHandle(check.handle), verdict, by, ms });
    this.#worker.jobDone();
  }
}
