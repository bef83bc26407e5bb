/** Mailfarm itself, with the defaults of etc/: the same farm that the benchmark of Mailfarm alone measures. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startFarm } from '../../support/farm.ts';
import { RETRY_SECONDS, type Peer, type PeerPlace, type RunningPeer } from './peer.ts';

export const mailfarm: Peer = {
  name: 'mailfarm',
  missing: () => undefined,
  title: () => 'Mailfarm',
  start: async (place) => {
    // The first start on a var compiles; every later one finds the code in Node's compile cache, and is smaller for it.
    if (!existsSync(join(place.folder, 'var'))) await (await startOn(place)).stop();
    return startOn(place);
  },
};

async function startOn({ folder, nextHop }: PeerPlace): Promise<RunningPeer> {
  const folders = { root: folder, var: join(folder, 'var'), etc: join(folder, 'etc') };
  mkdirSync(folders.var, { recursive: true, mode: 0o700 });
  mkdirSync(folders.etc, { recursive: true });
  const farm = await startFarm({
    folders,
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
