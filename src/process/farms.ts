/**
 * The farms as data: which exist, which source file their workers run, and what the supervisor must know of each.
 * A new role is a new row here and a row in etc/farms.yaml; no code of the supervisor names a role elsewhere.
 */

import type { FarmName } from '../config/config.ts';

export interface FarmTraits {
  /** Source file of the role, relative to src/ (or dist/), without its ending. */
  readonly main: string;
  /** Never more than one worker, whatever the configuration says. */
  readonly single?: boolean;
  /** Takes a `reload` order in place instead of being replaced: a second one must not run beside it. */
  readonly inPlace?: boolean;
  /** Writes journals: when it dies uncleanly, the injector looks for what it left behind. */
  readonly writes?: boolean;
  /** Its workers hold lanes of the scheduler: they are replaced before a new scheduler starts (rule 4). */
  readonly lanes?: boolean;
  /** Clients hold sessions with it: one that is replaced keeps them until they end, for this many milliseconds at most. */
  readonly lingers?: number;
  /** Gets the listening sockets of clients. */
  readonly listens?: boolean;
  /** Runs once and exits: started by need, not kept. */
  readonly once?: boolean;
  /** Farms of the lowest rank stop first; the next rank waits for them. */
  readonly stopRank: number;
}

/** In the order in which they start. */
export const FARMS: Readonly<Record<FarmName, FarmTraits>> = {
  log: { main: 'log/main', single: true, inPlace: true, stopRank: 6 },
  scheduler: { main: 'scheduler/main', single: true, inPlace: true, stopRank: 5 },
  // After the transports: the bounce farm hands reports to it until its end.
  router: { main: 'router/main', writes: true, stopRank: 4 },
  filter: { main: 'filter/main', stopRank: 2 },
  smtp: { main: 'transport/main', lanes: true, stopRank: 3 },
  lmtp: { main: 'transport/main', lanes: true, stopRank: 3 },
  maildir: { main: 'transport/main', lanes: true, stopRank: 3 },
  bounce: { main: 'transport/main', lanes: true, writes: true, stopRank: 3 },
  injector: { main: 'injector/main', once: true, stopRank: 1 },
  acceptor: { main: 'acceptor/main', listens: true, lingers: 60 * 60_000, writes: true, stopRank: 1 },
};
