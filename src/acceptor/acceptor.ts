/**
 * The acceptor role: listeners, limits, store and hand-on wired together.
 *
 * Draining: no new connection (the port stays open: the supervisor and the other acceptors hold it), sessions have a moment
 * more, idle ones are told to come back, transactions are finished; then what was accepted is handed on and the store closed. What the deadline cuts
 * off was not accepted, or is in the queue for the injector.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pause, withDeadline } from '../base/deadline.ts';
import type { Config, Listener } from '../config/config.ts';
import { compileNetworks } from '../config/networks.ts';
import { openHandOn, type HandedOn, type HandOn } from '../ipc/hand-on.ts';
import { makeHello } from '../ipc/hello.ts';
import { readDrillLease } from '../process/drill-lease.ts';
import { readIpcTls } from '../process/ipc-tls.ts';
import { socketKeys } from '../process/socket-keys.ts';
import type { Role, Worker } from '../process/worker.ts';
import { openStore } from '../queue/open-store.ts';
import type { Handle, Store } from '../queue/store.ts';
import { readAliasNames } from './aliases.ts';
import type { FarmConnection } from './connection.ts';
import { FilterClient, type FilterClientOptions } from './filter-client.ts';
import { Intake } from './intake.ts';
import { Desk, type DeskState } from './listener-desk.ts';
import { RecipientPolicy } from './recipient-policy.ts';
import { REFUSALS } from './replies.ts';
import { SegmentNotices } from '../ipc/segment-notices.ts';
import { FarmServer } from './server.ts';
import { SessionClock } from './session-clock.ts';
import { SessionLimits } from './session-limits.ts';
import { TenantDesk } from './tenant-desk.ts';
import { TenantLoad, type TenantLoadOptions } from './tenant-load.ts';

/** How long the sessions of a draining worker go on as before: a reload must not cut off a client between two commands. */
const GRACE_MS = 2000;
/** Sessions are told to go when the deadline is nearer than this, in ms. */
const LAST_CALL_MS = 60_000;
const LINGER_POLL_MS = 100;
/** Kept for closing the store when the deadline of a drain is near. */
const CLOSING_MS = 500;
const POLL_MS = 10;
/** Bytes of envelopes that wait for a router: of the longest, limits.outstanding of them would fill the memory. */
const MOST_ENVELOPE_BYTES = 64 * 1024 * 1024;

/** Starts the role; resolves when clients can connect. Rejects when a listener, the store or the aliases cannot be opened. */
export async function startAcceptor(worker: Worker): Promise<Role> {
  const { config, log } = worker;
  const self = makeHello({ farm: worker.farm, worker: worker.name });
  const tls = readIpcTls(config);
  const notices = new SegmentNotices({ address: config.farms.scheduler.socket, self, tls, log });
  const store = await openStore({
    config,
    role: 'writer',
    worker: worker.instance,
    log,
    onSegmentClosed: notices.post,
  });
  const handOn = openHandOn({
    address: config.farms.router.socket,
    self,
    tls,
    wake: () => worker.wake('router'),
    onPoison: (frame, why) => holdPoison(worker, store, frame, why),
    onTrouble: (why) => log.debug('router-away', { why }),
    kill: (pid, why) => worker.kill(pid, why),
  });
  const filters = openFilters(worker, { self, tls });
  const tenants = openTenants(worker, { address: config.farms.scheduler.socket, self, tls });
  const intake = new Intake({ store, handOn, filters, log, tenants, jobDone: () => worker.jobDone() });
  const state = makeState(worker, { store, handOn, intake, tenants });
  const servers: FarmServer[] = [];
  const keys = socketKeys(config.listen.map(({ address }) => address));
  for (const [index, listener] of config.listen.entries()) {
    const fd = worker.fd(`listen:${keys[index]}`);
    if (fd === undefined) {
      // The configuration is newer than the fork: the reload that brought it replaces this worker.
      log.warn('no-socket', { listener: listener.address, why: 'it came with a reload after this worker was forked' });
      continue;
    }
    const server = makeServer(listener, { worker, state, intake });
    servers.push(server);
    await server.start({ fd });
  }
  let deadline = Infinity;
  return {
    async drain(first) {
      deadline = first;
      for (const server of servers) server.stopListening();
      const sessions = (): FarmConnection[] => servers.flatMap(sessionsOf);
      await finishSessions(sessions, intake, () => deadline - CLOSING_MS);
      filters.close();
      tenants.close();
      await handOn.close(deadline - CLOSING_MS);
      await store.close();
      await notices.settle(deadline);
      return intake.waiting + handOn.outstanding > 0 ? 'unfinished' : undefined;
    },
    hurry: (nearer) => void (deadline = nearer),
    stats: () => ({
      busy: Math.max(intake.underWay, state.limits.total) + intake.waiting + handOn.outstanding,
      sessions: state.limits.total,
      accepted: state.accepted,
      refused: state.refused,
      ...intake.passed,
      inHand: intake.waiting + handOn.outstanding,
    }),
  };
}

function openFilters(worker: Worker, who: Pick<FilterClientOptions, 'self' | 'tls'>): FilterClient {
  const { farms, filter } = worker.config;
  return new FilterClient({
    ...who,
    address: farms.filter.socket,
    timeoutMs: filter.timeoutMs,
    most: Math.max(1, farms.filter.most),
    wake: () => worker.wake('filter'),
    kill: (pid, why) => worker.kill(pid, why),
  });
}

/** The scheduler is asked for what waits only where somebody's queue has a limit. */
function openTenants(
  { config, log }: Worker,
  scheduler: Pick<TenantLoadOptions, 'address' | 'self' | 'tls'>,
): TenantDesk {
  const { tenants } = config;
  if (!TenantDesk.hasLimits(tenants)) return new TenantDesk(tenants);
  const onTrouble = (why: string): void => log.debug('scheduler-away', { why });
  return new TenantDesk(tenants, new TenantLoad({ ...scheduler, onTrouble }));
}

interface StateParts {
  readonly store: Store;
  readonly handOn: HandOn;
  readonly intake: Intake;
  readonly tenants: TenantDesk;
}

function makeState(worker: Worker, { store, handOn, intake, tenants }: StateParts): DeskState {
  const { config, log } = worker;
  return {
    config,
    log,
    limits: new SessionLimits(config.limits),
    clock: new SessionClock(),
    policy: new RecipientPolicy(config, readAliasNames(), (run) => readDrillLease(run) !== undefined),
    tenants,
    isTrusted: compileNetworks(config.relay.networks),
    closed: () => {
      if (!store.hasRoom()) return REFUSALS.noRoom;
      const full = handOn.outstanding >= config.limits.outstanding || intake.untakenBytes >= MOST_ENVELOPE_BYTES;
      return full ? REFUSALS.busy : undefined;
    },
    accepted: 0,
    refused: 0,
  };
}

function makeServer(
  listener: Listener,
  { worker, state, intake }: { readonly worker: Worker; readonly state: DeskState; readonly intake: Intake },
): FarmServer {
  const { config, log } = worker;
  const desk = new Desk(listener, state);
  return new FarmServer({
    hostname: config.hostname,
    protocol: listener.protocol,
    tls: listener.tls,
    ...readTlsFiles(config, listener),
    desk,
    receive: async (stream, connection) => {
      const answer = await intake.receive(stream, desk.incoming(connection), desk.contentRules(connection));
      if ('accepted' in answer) state.accepted += 1;
      return answer;
    },
    onTrouble: (event, fields) => {
      const level = event === 'client-lost' ? 'info' : 'warn';
      log[level](event, { listener: listener.address, ...fields });
    },
  });
}

function readTlsFiles(config: Config, { tls, key, cert }: Listener): { readonly key?: string; readonly cert?: string } {
  if (tls === 'none' || key === undefined || cert === undefined) return {};
  const read = (path: string): string => readFileSync(resolve(config.paths.etc, path), 'utf8');
  return { key: read(key), cert: read(cert) };
}

function sessionsOf(server: FarmServer): FarmConnection[] {
  return [...server.connections] as FarmConnection[];
}

/** Lets sessions go on for a moment, then ends idle ones and waits for transactions; cuts off at the deadline what goes on. */
async function finishSessions(sessions: () => FarmConnection[], intake: Intake, until: () => number): Promise<void> {
  // Replaced while the farm goes on: the sessions may take their time.
  while (sessions().length > 0 && until() - Date.now() > LAST_CALL_MS) await pause(LINGER_POLL_MS);
  const deadline = until();
  const grace = Date.now() + Math.min(GRACE_MS, Math.max(0, (deadline - Date.now()) / 2));
  const done = (async () => {
    while (sessions().length > 0 && Date.now() < grace) await pause(POLL_MS);
    for (const session of sessions()) session.drain();
    while (sessions().length > 0) await pause(POLL_MS);
    await intake.settle();
  })();
  await withDeadline(done, Math.max(1, deadline - Date.now()), 'drain').catch(() => {
    for (const session of sessions()) session.expire(REFUSALS.draining);
  });
}

/** The router refuses this message, or keeps dying over it: an operator has to look at it. */
async function holdPoison(worker: Worker, store: Store, frame: HandedOn, why: string): Promise<void> {
  const recipients = 'envelope' in frame ? frame.envelope.recipients.map(({ address }) => address) : [];
  worker.log.error('held', { id: frame.handle.slice(0, 19), why });
  const held = { state: 'held', recipients, at: Date.now(), why: `router: ${why}` } as const;
  await store.record(frame.handle as Handle, [held]);
}
