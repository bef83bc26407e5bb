/**
 * One instance per var: an flock(2) on var/lock, taken by flock(1) on a descriptor that stays ours.
 *
 * The lock belongs to the open file description, which every worker inherits: it is free only when the supervisor and
 * all its children are gone, however they ended (rule 4). The pid in the file is for people; nothing trusts it but to
 * tell a running instance from one whose last workers are still finishing.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, ftruncateSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { pause } from '../base/deadline.ts';
import { errorCode } from '../base/text.ts';
import { asOwner, type Owner } from './as-owner.ts';

export type Locked =
  | { readonly kind: 'locked'; readonly fd: number }
  /** A supervisor runs. */
  | { readonly kind: 'running'; readonly pid: number }
  /** The supervisor that held it is dead, and its workers did not end in time. */
  | { readonly kind: 'finishing'; readonly pid: number }
  | { readonly kind: 'unable'; readonly why: string };

export interface LockOptions {
  /** How long to wait for the workers of a dead supervisor, in milliseconds. */
  readonly waitMs: number;
  /** Called once when there is something to wait for. */
  readonly onWait?: (pid: number) => void;
  /** Whose file it is, where we are root: commands take it too, as the user of the workers, while no farm runs. */
  readonly owner?: Owner | undefined;
}

const POLL_MS = 100;

/** Takes the lock on `path`, which is made when missing. Throws what the disk throws. */
export async function takeLock(path: string, options: LockOptions): Promise<Locked> {
  const fd = asOwner(options.owner, () =>
    openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600),
  );
  const until = performance.now() + options.waitMs;
  for (let waited = false; ; waited = true) {
    const got = tryLock(fd);
    if (got === 'locked') return { kind: 'locked', fd: writeHolder(fd) };
    const end = got === 'busy' ? judgeHolder(fd, until) : { kind: 'unable' as const, why: got };
    if (end !== undefined) {
      closeSync(fd);
      return end;
    }
    if (!waited) options.onWait?.(readHolder(fd));
    await pause(POLL_MS);
  }
}

/** 'locked', 'busy', or why it can't be done. */
function tryLock(fd: number): string {
  const done = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', fd], timeout: 5000 });
  if (done.status === 0) return 'locked';
  if (done.status === 1) return 'busy';
  if (errorCode(done.error) === 'ENOENT') return 'the command flock (of util-linux) is not installed';
  return `flock failed: ${done.error?.message ?? done.stderr.toString()}`;
}

function judgeHolder(fd: number, until: number): Locked | undefined {
  const pid = readHolder(fd);
  if (isMailfarm(pid)) return { kind: 'running', pid };
  return performance.now() >= until ? { kind: 'finishing', pid } : undefined;
}

function writeHolder(fd: number): number {
  ftruncateSync(fd, 0);
  writeSync(fd, `${process.pid}\n`, 0);
  return fd;
}

function readHolder(fd: number): number {
  const buffer = Buffer.alloc(32);
  const length = readSync(fd, buffer, 0, buffer.length, 0);
  return Number.parseInt(buffer.toString('latin1', 0, length), 10) || 0;
}

/** A pid may have been given to another program since: its title must be ours. */
function isMailfarm(pid: number): boolean {
  if (pid <= 1) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errorCode(error) !== 'EPERM') return false;
  }
  try {
    const title = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    return /(?:^|[\0/])mailfarmd(?:\0|$)|mailfarm: supervisor|supervisor\/main\./.test(title) && !isZombie(pid);
  } catch {
    // No /proc, or it just ended: on systems without /proc a living pid must do.
    return process.platform !== 'linux';
  }
}

/** True when there is no such process any more, or only its exit status is left of it. */
export function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return isZombie(pid);
  } catch (error) {
    return errorCode(error) !== 'EPERM';
  }
}

function isZombie(pid: number): boolean {
  return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
}
