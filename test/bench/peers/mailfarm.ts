/** Mailfarm with the defaults of etc/: this checkout, and another one beside, to compare two versions of it in one run. */
import { existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { startFarm } from '../../support/farm.ts';
import { ROOT } from '../../support/run.ts';
import { RETRY_SECONDS, type Peer, type PeerPlace, type RunningPeer } from './peer.ts';

export const mailfarm: Peer = {
  name: 'mailfarm',
  missing: () => undefined,
  title: () => 'Mailfarm',
  start: (place) => startOn(place, ROOT),
};

/** The command line gave `checkout`, and looked whether it is one. */
export function otherMailfarm(checkout: string): Peer {
  return {
    name: 'other',
    missing: () => undefined,
    title: () => `Mailfarm of ${basename(checkout)}`,
    start: (place) => startOn(place, `${checkout}/`),
  };
}

async function startOn(place: PeerPlace, checkout: string): Promise<RunningPeer> {
  // The first start on a var compiles; every later one finds the code in Node's compile cache, and is smaller for it.
  if (!existsSync(join(place.folder, 'var'))) await (await startOnce(place, checkout)).stop();
  return startOnce(place, checkout);
}

async function startOnce({ folder, nextHop }: PeerPlace, checkout: string): Promise<RunningPeer> {
  const folders = { root: folder, var: join(folder, 'var'), etc: join(folder, 'etc') };
  mkdirSync(folders.var, { recursive: true, mode: 0o700 });
  mkdirSync(folders.etc, { recursive: true });
  const farm = await startFarm({
    folders,
    checkout,
    set: [
      'listen.0.role=submission',
      'listen.0.filters=[]',
      `routes=[{match: "*", via: "smtp:[127.0.0.1]:${nextHop}"}]`,
      `retry.times=[${RETRY_SECONDS}s]`,
    ],
  });
  return {
    port: farm.port,
    pid: farm.pid,
    stop: async () => {
      await farm.stop();
      await farm.workersGone();
    },
    kill: () => farm.killAll(),
  };
}
