/** The processes of one farm as the system sees them: found by their title and their working directory, nothing else. */
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';

export interface FarmProcess {
  readonly pid: number;
  /** As in the title: `router-1`, `supervisor`. */
  readonly name: string;
  /** As `router`. */
  readonly farm: string;
}

/** Workers that run on this var directory. */
export function listWorkers(varDir: string): FarmProcess[] {
  const cwd = realpathSync(varDir);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => readProcess(Number(pid), cwd));
}

function readProcess(pid: number, cwd: string): FarmProcess[] {
  try {
    const title = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    const name = /^mailfarm: (\S+)/.exec(title)?.[1];
    if (name === undefined || readlinkSync(`/proc/${pid}/cwd`) !== cwd) return [];
    return [{ pid, name, farm: name.replace(/-\d+$/, '') }];
  } catch {
    // It ended while we looked.
    return [];
  }
}

/** False once the process is gone, or a zombie that nobody waited for. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Milliseconds of CPU that a process used so far, user and system. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Clock ticks of 10 ms: fields 14 and 15 of proc(5), counted from the third.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Sends a signal; a process that is gone already is no failure. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone.
  }
}
