/** strace(1) for tests: looks at the calls of running processes, and ends a process at an exact call. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { isRunning } from '../../support/processes.ts';
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
  /** Ends it, whatever it is at: a test that failed must leave no strace behind. */
  [Symbol.dispose](): void;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Attaches to every thread of these processes; resolves once it is attached. `args` as for strace(1). */
export async function attach(pids: readonly number[], args: readonly string[], file: string): Promise<Tracing> {
  const child = spawn('strace', ['-f', '-q', ...args, '-o', file, ...pids.flatMap((pid) => ['-p', String(pid)])]);
  running.add(child);
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  let ended = false;
  child.once('exit', () => (ended = running.delete(child)));
  const kill = (): void => void child.kill('SIGKILL');
  try {
    await waitFor(() => ended || pids.every(isTraced), { what: () => `strace to attach: ${complaint}` });
  } catch (error) {
    kill();
    throw error;
  }
  return {
    async stop() {
      // A strace that is told to go while a process dies deadlocks: it waits for the first thread, which the system keeps
      // until strace has taken note of the others. When the last process is gone, it goes by itself.
      if (pids.some(isRunning)) child.kill('SIGINT');
      await waitFor(() => ended, { what: () => `the end of strace: ${complaint}` });
      return readFileSync(file, 'utf8').split('\n');
    },
    [Symbol.dispose]: kill,
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
