/** strace(1) for tests: looks at the calls of running processes, and ends a process at an exact call. */
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { waitFor } from '../../support/wait.ts';

/** A reason to skip, or false: for the `skip` of a test. */
export const NO_STRACE: string | false = canTrace() ? false : 'strace is not installed, or tracing is not allowed here';

function canTrace(): boolean {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

export interface Tracing {
  /** Detaches, or waits for the end of what was traced; all lines. */
  stop(): Promise<string[]>;
}

/** Attaches to every thread of these processes; resolves once it is attached. `args` as for strace(1). */
export async function attach(pids: readonly number[], args: readonly string[], file: string): Promise<Tracing> {
  const child = spawn('strace', ['-f', '-q', ...args, '-o', file, ...pids.flatMap((pid) => ['-p', String(pid)])]);
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await waitFor(() => pids.every(isTraced), { what: () => `strace to attach: ${complaint}` });
  return {
    async stop() {
      child.kill('SIGINT');
      await ended;
      return readFileSync(file, 'utf8').split('\n');
    },
  };
}

/** All threads are: calls of libuv's thread pool are made by others than the first. A process that is gone counts. */
function isTraced(pid: number): boolean {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.every((tid) => !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8')));
  } catch {
    return true;
  }
}
