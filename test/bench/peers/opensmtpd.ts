/**
 * OpenSMTPD from its package, unpacked (it conflicts with Postfix when installed): found in a folder, or installed.
 *
 * Its folders and users are compiled into it, so it runs in a mount namespace of its own where they are ours; nothing of it
 * is seen outside. That takes root.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { findFreePorts } from '../../stories/support/free-ports.ts';
import type { Peer, PeerPlace, RunningPeer } from './peer.ts';
import { spawnPeer } from './spawned.ts';

const CONFIGURATION = join(import.meta.dirname, 'opensmtpd', 'smtpd.conf');
const CACHE = join(homedir(), '.cache', 'mailfarm-bench', 'opensmtpd');
/** Nobody has them, we hope: they are seen by its processes only. */
const USERS = { opensmtpd: 64_901, opensmtpq: 64_902 } as const;

/** `folder`: into which the package was unpacked; default one in the user's cache folder. */
export function opensmtpd(folder = CACHE): Peer {
  const program = [join(folder, 'usr/sbin/smtpd'), '/usr/sbin/smtpd'].find((path) => existsSync(path));
  return {
    name: 'opensmtpd',
    missing() {
      if (program === undefined) {
        return `not installed: apt-get download opensmtpd && dpkg -x opensmtpd_*.deb ${folder}, then --opensmtpd ${folder}`;
      }
      return userInfo().uid === 0 ? undefined : 'only root can start it';
    },
    title: () => `OpenSMTPD ${versionOf(program ?? '')}`,
    start: (place) => start(program ?? '', place),
  };
}

async function start(program: string, { folder, nextHop }: PeerPlace): Promise<RunningPeer> {
  const [port = 0] = await findFreePorts(1);
  const text = readFileSync(CONFIGURATION, 'utf8')
    .replace('@PORT@', String(port))
    .replace('@NEXTHOP@', String(nextHop));
  writeFileSync(join(folder, 'smtpd.conf'), text, { mode: 0o644 });
  makeFolders(folder);
  const binds = [
    ['passwd', '/etc/passwd'],
    ['group', '/etc/group'],
    ['spool', '/var/spool'],
    ['lib', '/var/lib'],
    ['run', '/run'],
  ];
  const script = [
    ...binds.map(([from, to]) => `mount --bind ${quote(join(folder, from ?? ''))} ${to}`),
    `exec ${quote(program)} -d -f ${quote(join(folder, 'smtpd.conf'))}`,
  ].join(' && ');
  const command: [string, ...string[]] = ['/usr/bin/unshare', '--mount', '/bin/sh', '-c', script];
  return spawnPeer({ command, port, output: join(folder, 'output') });
}

/** Its spool, chroot and run folders, and the users beside those of the machine. */
function makeFolders(folder: string): void {
  for (const path of ['spool/smtpd', 'lib/opensmtpd/empty', 'run']) mkdirSync(join(folder, path), { recursive: true });
  const spool = join(folder, 'spool', 'smtpd');
  chmodSync(spool, 0o711);
  for (const [name, owner, mode] of [
    ['queue', USERS.opensmtpq, 0o700],
    ['corrupt', USERS.opensmtpq, 0o700],
    ['incoming', USERS.opensmtpq, 0o700],
    ['temporary', USERS.opensmtpq, 0o700],
    ['purge', USERS.opensmtpq, 0o700],
    ['offline', 0, 0o770],
  ] as const) {
    mkdirSync(join(spool, name), { recursive: true });
    chownSync(join(spool, name), owner, name === 'offline' ? USERS.opensmtpq : 0);
    chmodSync(join(spool, name), mode);
  }
  const users = Object.entries(USERS);
  const passwd = users.map(([name, id]) => `${name}:x:${id}:${id}::/var/lib/opensmtpd/empty:/usr/sbin/nologin\n`);
  const group = users.map(([name, id]) => `${name}:x:${id}:\n`);
  writeFileSync(join(folder, 'passwd'), readFileSync('/etc/passwd', 'utf8') + passwd.join(''));
  writeFileSync(join(folder, 'group'), readFileSync('/etc/group', 'utf8') + group.join(''));
}

/** It tells its version with its usage, on standard error. */
function versionOf(program: string): string {
  try {
    const text = execFileSync('/bin/sh', ['-c', `${quote(program)} -h 2>&1; true`], {
      encoding: 'utf8',
      timeout: 10_000,
    });
    return /OpenSMTPD (\S+)/i.exec(text)?.[1] ?? '';
  } catch {
    return '';
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
