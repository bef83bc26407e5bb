/** Wires the scheduler: queue, index, bins, lanes, and the socket on which it is asked. */
import type { Config } from '../config/config.ts';
import { connectPeer } from '../ipc/connect.ts';
import { makeHello } from '../ipc/hello.ts';
import { listenForPeers } from '../ipc/listen.ts';
import { pause } from '../base/deadline.ts';
import type { Logger } from '../log/logger.ts';
import { listenTls, readIpcTls } from '../process/ipc-tls.ts';
import type { Role, Worker } from '../process/worker.ts';
import { Housekeeping } from '../queue/housekeeping.ts';
import { createDisk, isThere } from '../queue/disk.ts';
import { messagePath, type Layout } from '../queue/layout.ts';
import { openStore } from '../queue/open-store.ts';
import { holdRecipients, keepOutcomes } from '../queue/operate.ts';
import { timeOfId } from '../queue/queue-id.ts';
import type { Handle, QueueId } from '../queue/store.ts';
import { openWaitingIndex } from '../queue/waiting-index.ts';
import { SiteAsker } from './ask-site.ts';
import { Audit, type AuditOptions } from './audit.ts';
import type { Bin } from './bins.ts';
import { Claims } from './claims.ts';
import { Conductor, type ConductorRules } from './conductor.ts';
import type { TenantTable } from './homes.ts';
import { readFinishedBefore } from './finished-before.ts';
import { LostLanes } from './lost-lanes.ts';
import { OnceRead } from './once-read.ts';
import { recordedBy } from './recorded-by.ts';
import { serveRequests } from './requests.ts';
import { Segments } from './segments.ts';

const QUEUE = 'queue';
/** How long a lane waits for its farm's worker. */
const CONNECT_MS = 30_000;
const CHORES_MS = 5000;
/** A worker that sits on a job for longer and says nothing is taken for stuck: one that waits for others says so (AtWork). */
const JOB_MS = 60 * 60_000;

export async function startScheduler(worker: Worker): Promise<Role> {
  const { log } = worker;
  let { config } = worker;
  let rules = rulesOf(config);
  const layout: Layout = { root: QUEUE, split: config.queue.split };
  const self = makeHello({ farm: worker.farm, worker: worker.instance });
  const tls = readIpcTls(config);
  const store = await openStore({ config, worker: worker.instance, log, role: 'command' });
  const housekeeping = new Housekeeping(layout, log);
  const index = openWaitingIndex(`${QUEUE}/index.db`, (why) => log.error('index-trouble', { why }));
  const segments = openSegments(config, housekeeping);
  const onEvent = (event: string, fields: Record<string, unknown>): void => log.info(event, fields);
  const onUnreadable = (file: string, why: string): void => log.error('unreadable', { file, why });
  const lostLanes = new LostLanes({
    conductor: () => conductor,
    recordedBy: (name, ids) => recordedBy({ disk: createDisk(), layout, onUnreadable }, name, ids),
    hold: (part, why) =>
      holdRecipients({ store, layout }, part.message.facts.handle as Handle, { recipients: part.to, why }),
    keep: (part, outcomes) => keepOutcomes({ store, layout }, part.message.facts.handle as Handle, outcomes),
    onEvent: (event, fields) => log.warn(event, fields),
  });
  const siteAsker = new SiteAsker({ address: config.farms.smtp.socket, self, tls, onWait: () => worker.wake('smtp') });
  const conductor = new Conductor({
    rules: () => rules,
    index,
    segments,
    remove: (id) => housekeeping.removeMessage(id),
    inTree: (id) => mayBeThere(messagePath(layout, id as QueueId)),
    onEvent,
    askSite: siteAsker.ask,
    owner: {
      connect: ({ hop: { channel } }: Bin) => {
        const onWait = (): void => worker.wake(channel);
        return connectPeer({ address: config.farms[channel].socket, self, tls, deadlineMs: CONNECT_MS, onWait });
      },
      lost: (lane, lost) => void lostLanes.recover(lane, lost),
    },
  });
  conductor.homes.applyTenants(tenantTable(config));
  const claims = new Claims(conductor, (id) => housekeeping.isDeleted(id));
  const audit = new Audit({ conductor, claims, index, onChange: tellImbalance(worker) });
  const before = whatWasBefore({ disk: createDisk(), layout, onUnreadable }, log);
  const requests = { conductor, claims, segments, before, index, audit, onEvent };
  const server = await listenForPeers({
    ...listenOn(worker),
    self,
    ...listenTls(config, worker.farm),
    onPeer: (peer) => serveRequests(peer, requests),
    onRefused: (why) => log.warn('bad-frame', { why }),
  });
  const chores = setInterval(() => doChores(worker, { segments, conductor, audit }), CHORES_MS).unref();
  return {
    async drain(deadline) {
      clearInterval(chores);
      await finishLanes(conductor, deadline);
      conductor.close();
      siteAsker.close();
      await housekeeping.finish();
      await server.close();
      index.close();
      await store.close();
    },
    reload: (fresh) => {
      config = fresh;
      rules = rulesOf(fresh);
      conductor.homes.applyTenants(tenantTable(fresh));
    },
    stats: () => ({ active: conductor.active, parked: index.size, ...conductor.counts, busy: inFlight(conductor) }),
  };
}

function openSegments({ queue }: Config, housekeeping: Housekeeping): Segments {
  return new Segments({
    linger: queue.linger,
    remove: (segment) => housekeeping.removeSegment(segment),
    exists: (name) => housekeeping.segmentExists(name),
    begunAt: (name) => timeOfId(name),
  });
}

function whatWasBefore(files: Parameters<typeof readFinishedBefore>[0], log: Logger): OnceRead {
  return new OnceRead(
    () => readFinishedBefore(files),
    (why) => log.error('finished-before', { why }),
  );
}

function tellImbalance({ log }: Worker): AuditOptions['onChange'] {
  return (missing, books) =>
    log[missing === 0 ? 'info' : 'error']('imbalance', { stage: 'scheduler', missing, ...books });
}

/** Also where the disk does not say: to remove what is not there costs nothing. */
function mayBeThere(path: string): boolean {
  try {
    return isThere(path);
  } catch {
    return true;
  }
}

/** Removes, settles, and looks for stuck workers. */
function doChores(worker: Worker, parts: { segments: Segments; conductor: Conductor; audit: Audit }): void {
  parts.audit.look();
  parts.conductor.lookAtClock();
  parts.segments.releaseOutcomes();
  if (parts.segments.wantsSettling()) worker.settle();
  const stuckSince = performance.now() - JOB_MS;
  for (const lane of parts.conductor.dispatcher.lanes) {
    const since = lane.busySince;
    if (since && since < stuckSince && lane.pid) worker.kill(lane.pid, `stuck on a job in lane ${lane.name}`);
  }
}

async function finishLanes(conductor: Conductor, deadline: number): Promise<void> {
  conductor.dispatcher.stop();
  while (inFlight(conductor) > 0 && Date.now() < deadline) await pause(10);
  conductor.dispatcher.closeIdle();
}

function inFlight(conductor: Conductor): number {
  let sum = 0;
  for (const lane of conductor.dispatcher.lanes) sum += lane.inFlight;
  return sum;
}

function rulesOf(config: Config): ConductorRules {
  const { lanes, retry, queue, smtp } = config;
  return { lanes: { ...lanes, idleMs: smtp.idleMs }, retry, window: queue.window };
}

function tenantTable({ tenants }: Config): TenantTable {
  return new Map(Object.entries(tenants));
}

function listenOn(worker: Worker): { fd: number } {
  const fd = worker.fd('farm');
  if (fd === undefined) throw new Error('no socket was inherited');
  return { fd };
}
