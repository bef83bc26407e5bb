/**
 * Postfix from its package, with folders, ports and a configuration of its own: an installed one is not touched, and may run.
 *
 * It must be started by root, and belongs to users that the package makes. Its master stays our child; `postfix start`
 * would detach it. Only what differs from run to run is added to the files in postfix/.
 */
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { findFreePorts } from '../../stories/support/free-ports.ts';
import { RETRY_SECONDS, type Peer, type PeerPlace, type RunningPeer } from './peer.ts';
import { spawnPeer } from './spawned.ts';

const COMMAND = '/usr/sbin/postfix';
const MASTER = '/usr/lib/postfix/sbin/master';
const FILES = join(import.meta.dirname, 'postfix');
const COMMAND_MS = 60_000;

export const postfix: Peer = {
  name: 'postfix',
  missing() {
    if (!existsSync(COMMAND) || !existsSync(MASTER)) return 'not installed: apt-get install postfix (it need not run)';
    return userInfo().uid === 0 ? undefined : 'its master can only be started by root';
  },
  title: () => `Postfix ${ask('postconf', '-d', '-h', 'mail_version')}`,
  start,
};

async function start({ folder, nextHop }: PeerPlace): Promise<RunningPeer> {
  const [port = 0] = await findFreePorts(1);
  const etc = join(folder, 'etc');
  const data = join(folder, 'data');
  for (const path of [etc, data, join(folder, 'queue')]) mkdirSync(path, { recursive: true });
  chownSync(data, Number(ask('id', '-u', 'postfix')), 0);
  const main = [
    `queue_directory = ${join(folder, 'queue')}`,
    `data_directory = ${data}`,
    `maillog_file_prefixes = ${folder}`,
    `maillog_file = ${join(folder, 'maillog')}`,
    `relayhost = [127.0.0.1]:${nextHop}`,
    `minimal_backoff_time = ${RETRY_SECONDS}s`,
    `maximal_backoff_time = ${RETRY_SECONDS}s`,
  ];
  write(etc, 'main.cf', main);
  write(etc, 'master.cf', [`127.0.0.1:${port} inet n - n - - smtpd`]);
  // Makes the folders of the queue. A second start is measured: it must not pay for a check that `postfix start` would make.
  if (!existsSync(join(folder, 'queue', 'pid'))) ask(COMMAND, '-c', etc, 'check');
  return spawnPeer({ command: [MASTER, '-c', etc, '-s'], port, output: join(folder, 'output') });
}

function write(folder: string, name: string, added: readonly string[]): void {
  writeFileSync(join(folder, name), [readFileSync(join(FILES, name), 'utf8'), ...added, ''].join('\n'));
}

function ask(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', timeout: COMMAND_MS }).trim();
}
