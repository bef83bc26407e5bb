/**
 * The router role: wires the desk to the farm's socket, the scheduler, the store and the alias file.
 *
 * Routing itself is pure and lives in plan.ts, table.ts and expand.ts. A router may be killed at any instant: what it had
 * in hand is handed on again by its sender.
 */
import type { Config } from '../config/config.ts';
import { makeHello } from '../ipc/hello.ts';
import { openHandOn, type HandedOn } from '../ipc/hand-on.ts';
import { listenForPeers } from '../ipc/listen.ts';
import { SegmentNotices } from '../ipc/segment-notices.ts';
import type { Logger } from '../log/logger.ts';
import { listenTls, readIpcTls } from '../process/ipc-tls.ts';
import type { Role, Worker } from '../process/worker.ts';
import { idOfHandle } from '../queue/handle.ts';
import { openStore } from '../queue/open-store.ts';
import type { Handle, Store } from '../queue/store.ts';
import { loadAliases } from './alias-file.ts';
import { Desk } from './desk.ts';
import type { PlanRules } from './plan.ts';
import { RoutingTable } from './table.ts';

/** Starts the role; resolves when the worker takes messages. Rejects when the socket, the store or the aliases cannot be opened. */
export async function startRouter(worker: Worker): Promise<Role> {
  const { config, log } = worker;
  const self = makeHello({ farm: worker.farm, worker: worker.name });
  const tls = readIpcTls(config);
  const address = config.farms.scheduler.socket;
  const notices = new SegmentNotices({ address, self, tls, log });
  const store = await openStore({
    config,
    worker: worker.instance,
    log,
    role: 'recorder',
    onSegmentClosed: notices.post,
  });
  const handOn = openHandOn({
    address,
    self,
    tls,
    wake: () => worker.wake('scheduler'),
    onPoison: (frame, why) => holdPoison(store, log, frame, why),
    onTrouble: (why) => log.debug('scheduler-away', { why }),
  });
  const desk = new Desk(makeRules(config, log), {
    store,
    handOn,
    log,
    limit: config.limits.outstanding,
    onDone: () => worker.jobDone(),
  });
  const fd = worker.fd('farm');
  const server = await listenForPeers({
    ...(fd === undefined ? { path: config.farms.router.socket } : { fd }),
    self,
    ...listenTls(config, worker.farm),
    onPeer: (peer) => desk.serve(peer),
    onRefused: (why) => log.warn('peer-refused', { why }),
  });
  return {
    async drain(deadline) {
      await server.stopListening();
      await desk.finish();
      await server.close();
      await handOn.close(deadline);
      await store.close();
      await notices.settle(deadline);
    },
    stats: () => desk.figures,
  };
}

/**
 * The rules of a configuration. Bad lines of the alias file are left out; the supervisor lets no reload bring them. Without
 * the file no router starts: one that knows no aliases would bounce mail for lists, or put it into wrong Maildirs.
 */
function makeRules(config: Config, log: Logger): PlanRules {
  const { table: aliases, problems } = loadAliases();
  if (aliases === undefined)
    throw new Error(`no aliases to route by: ${problems.join(', ')}; mailfarm reload writes it`);
  for (const problem of problems) log.error('bad-alias', { problem });
  const { domains, mailboxes, routes } = config;
  const table = new RoutingTable({ domains, mailboxes, routes, allowPrivate: config.smtp.allowPrivate });
  return {
    table,
    aliases: {
      aliases,
      isLocal: (domain) => table.isLocal(domain),
      depth: config.limits.aliasDepth,
      fanout: config.limits.aliasFanout,
    },
  };
}

/** The scheduler refuses this message, or keeps dying over it: an operator has to look at it. */
async function holdPoison(store: Store, log: Logger, frame: HandedOn, why: string): Promise<void> {
  const recipients = 'parts' in frame && frame.parts !== undefined ? frame.parts.flatMap((part) => part.to) : [];
  log.error('held', { id: idOfHandle(frame.handle), why });
  await store.record(frame.handle as Handle, [{ state: 'held', recipients, at: Date.now(), why: `scheduler: ${why}` }]);
}
