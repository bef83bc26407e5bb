/**
 * Haraka from a folder into which somebody installed it by hand; it is no dependency of ours.
 *
 * Runs with the Node that runs the benchmark, on a configuration of its own.
 */
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findFreePorts } from '../../stories/support/free-ports.ts';
import { RETRY_SECONDS, type Peer, type PeerPlace, type RunningPeer } from './peer.ts';
import { spawnPeer } from './spawned.ts';

const FILES = join(import.meta.dirname, 'haraka');
const CACHE = join(homedir(), '.cache', 'mailfarm-bench', 'haraka');

/** `folder`: given to `npm install --prefix`; default one in the user's cache folder. */
export function haraka(folder = CACHE): Peer {
  const home = join(folder, 'node_modules', 'Haraka');
  return {
    name: 'haraka',
    missing: () =>
      existsSync(join(home, 'bin', 'haraka'))
        ? undefined
        : `not installed: npm install --no-save --prefix ${folder} Haraka, then --haraka ${folder}`,
    title: () =>
      `Haraka ${(JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string }).version}`,
    start: (place) => start(join(home, 'bin', 'haraka'), place),
  };
}

async function start(program: string, { folder, nextHop }: PeerPlace): Promise<RunningPeer> {
  const [port = 0] = await findFreePorts(1);
  const config = join(folder, 'config');
  mkdirSync(join(folder, 'queue'), { recursive: true });
  cpSync(FILES, config, { recursive: true });
  appendFileSync(join(config, 'smtp.ini'), `listen=127.0.0.1:${port}\n`);
  appendFileSync(join(config, 'outbound.ini'), `temp_fail_intervals=${RETRY_SECONDS}s*100\n`);
  const route = JSON.stringify({ action: 'accept', nexthop: `127.0.0.1:${nextHop}` });
  writeFileSync(join(config, 'relay_dest_domains.ini'), `[domains]\nany=${route}\n`);
  writeFileSync(join(config, 'me'), 'haraka.bench.example\n');
  const { NODE_OPTIONS: _, ...env } = process.env;
  const output = join(folder, 'output');
  return spawnPeer({ command: [process.execPath, program, '-c', folder], port, output, env });
}
