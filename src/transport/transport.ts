/**
 * The transport role: every connection on the farm's socket is a lane. All channels run this; the farm's name is the channel.
 *
 * It may be killed at any instant: what it had in hand is tried again, except what its outcome journal has.
 */
import { errorText } from '../base/text.ts';
import type { Config } from '../config/config.ts';
import { MxResolver } from '../dns/mx-resolver.ts';
import { DnsResolver } from '../dns/resolver.ts';
import { openHandOn, type HandOn } from '../ipc/hand-on.ts';
import { makeHello } from '../ipc/hello.ts';
import { listenForPeers } from '../ipc/listen.ts';
import type { Hello } from '../ipc/messages.ts';
import type { Peer } from '../ipc/peer.ts';
import { CHANNELS, type Channel } from '../mail/outcome.ts';
import { listenTls, readIpcTls } from '../process/ipc-tls.ts';
import type { Role, Worker } from '../process/worker.ts';
import { idOfHandle } from '../queue/handle.ts';
import { openStore } from '../queue/open-store.ts';
import type { Handle, Store } from '../queue/store.ts';
import { channelMaker } from './channels.ts';
import { classGiver } from './classes.ts';
import { Lane } from './lane.ts';
import { siteTeller } from './site-desk.ts';
import { SegmentNotices } from '../ipc/segment-notices.ts';

/** Kept of a drain's time for closing the store and telling of its segments, in ms. */
const CLOSING_MS = 500;

/** Starts the role; resolves when the worker takes lanes. Rejects when the socket or the queue cannot be opened. */
export async function startTransport(worker: Worker): Promise<Role> {
  const { config, log, farm } = worker;
  const channel = CHANNELS.find((name) => name === farm);
  if (channel === undefined) throw new Error(`farm ${farm} is no transport channel`);
  const self = makeHello({ farm, worker: worker.name });
  const tls = readIpcTls(config);
  const notices = new SegmentNotices({ address: config.farms.scheduler.socket, self, tls, log });
  const store = await openWorkerStore(worker, channel, notices);
  const handOn = openRouter(worker, self, store);
  const lanes = new Set<Lane>();
  const unsent = new Set<string>();
  const dns = new DnsResolver(config.smtp);
  const resolver = openMxResolver(config, dns);
  const giveClass = classGiver(config.bounceClasses.rules);
  const makeDeliverer = channelMaker({ config, store, log, resolver, handOn, unsent, giveClass });
  const tellSite = siteTeller(resolver, dns);
  const figures = { jobs: 0, entered: 0, left: 0 };
  let draining = false;
  const open = (peer: Peer): void => {
    if (draining) return turnAway(peer);
    const lane: Lane = new Lane({
      peer,
      channel,
      store,
      log,
      times: config.retry.times,
      makeDeliverer,
      tellSite,
      giveClass,
      onJob: () => ((figures.jobs += 1), worker.jobDone()),
      passed: figures,
      onBroken: crash,
      onEnd: () => lanes.delete(lane),
    });
    lanes.add(lane);
  };
  const fd = worker.fd('farm');
  const at = fd === undefined ? { path: config.farms[channel].socket } : { fd };
  const server = await listenForPeers({
    ...at,
    self,
    ...listenTls(config, farm),
    onPeer: open,
    onRefused: (why) => log.warn('peer-refused', { why }),
  });
  return {
    async drain(deadline) {
      // Connections that were accepted before may say hello at any time.
      draining = true;
      await server.stopListening();
      await Promise.all([...lanes].map((lane) => lane.stop(deadline - CLOSING_MS)));
      await server.close();
      await handOn.close(deadline - CLOSING_MS);
      await store.close();
      await notices.settle(deadline);
      return unsent.size + handOn.outstanding > 0 ? 'unfinished' : undefined;
    },
    stats: () => ({
      ...figures,
      inHand: [...lanes].reduce((sum, lane) => sum + lane.inHand, 0),
      lanes: lanes.size,
      ...(asksDns(channel) && dnsFigures(dns)),
      busy: [...lanes].filter(({ busy }) => busy).length + unsent.size + handOn.outstanding,
    }),
  };
}

/** It was not here when the lanes were told to stop: nobody would wait for what it begins. */
function turnAway(peer: Peer): void {
  peer.send({ t: 'leaving' });
  peer.close();
}

/** Only the bounce channel writes messages of its own. */
function openWorkerStore({ config, instance, log }: Worker, channel: Channel, notices: SegmentNotices): Promise<Store> {
  return openStore({
    config,
    worker: instance,
    log,
    role: channel === 'bounce' ? 'writer' : 'recorder',
    onSegmentClosed: notices.post,
  });
}

/** Connects only when there is something to send, so the other channels never do. */
function openRouter(worker: Worker, self: Hello, store: Store): HandOn {
  const { config, log } = worker;
  return openHandOn({
    address: config.farms.router.socket,
    self,
    tls: readIpcTls(config),
    wake: () => worker.wake('router'),
    onTrouble: (why) => log.debug('router-away', { why }),
    kill: (pid, why) => worker.kill(pid, why),
    async onPoison(frame, why) {
      log.error('held', { id: idOfHandle(frame.handle), why });
      const recipients = 'envelope' in frame ? frame.envelope.recipients.map(({ address }) => address) : [];
      await store.record(frame.handle as Handle, [
        { state: 'held', recipients, at: Date.now(), why: `router: ${why}` },
      ]);
    },
  });
}

function openMxResolver({ hostname, smtp, listen }: Config, dns: DnsResolver): MxResolver {
  return new MxResolver({ dns, hostname, smtp, listen: listen.map(({ address }) => address) });
}

function asksDns(channel: Channel): boolean {
  return channel === 'smtp' || channel === 'lmtp';
}

function dnsFigures({ figures }: DnsResolver): Record<string, number> {
  const { sent, cached, forged, trouble } = figures;
  return { dnsSent: sent, dnsCached: cached, dnsForged: forged, dnsTrouble: trouble };
}

/** A broken disk or a bug: out of every promise, so that the process logs it, ends and is replaced. */
function crash(error: unknown): void {
  setImmediate(() => {
    throw error instanceof Error ? error : new Error(errorText(error));
  });
}
