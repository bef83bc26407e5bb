/**
 * Starts one worker process: Node's fork() with the descriptors, limits and identity that the skeleton in
 * src/process/worker.ts expects. The only place that starts processes for work; the scheduler has none such.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { IDENTITY_VARIABLE, type Identity } from '../process/identity.ts';

export interface ForkPlan {
  /** Absolute path of the role's main file. */
  readonly script: string;
  readonly args: readonly string[];
  readonly identity: Omit<Identity, 'fds'>;
  /** Our descriptors of listening sockets, by the name that the worker knows them by. */
  readonly sockets: ReadonlyMap<string, number>;
  /** The instance lock, which every child holds too. */
  readonly lockFd: number;
  /** Upper bound of the JavaScript heap in MiB; 0: what Node takes. */
  readonly memory: number;
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** Where compiled code is cached, or undefined. */
  readonly cache?: string | undefined;
}

/** stdin, stdout, stderr, IPC and the lock come first. */
const FIRST_SOCKET = 5;
const QUIET = '--disable-warning=ExperimentalWarning';
/** Where cores are few, helpers of the garbage collector take them from other workers, and memory besides. */
const LEAN = availableParallelism() <= 2 ? ['--single-threaded-gc'] : [];

/** The part of the heap in which objects are young is kept three times over, and grows to this as long as there is work. */
const YOUNG_SHARE = 32;
const MOST_YOUNG = 16;

/** The shipped bound, MiB: on a small machine, where Node takes less by itself, it must not become more. */
const SHIPPED = 2048;
const BY_ITSELF = getHeapStatistics().heap_size_limit / 2 ** 20;

function heapFlags(memory: number): string[] {
  if (memory === 0) return [];
  const young = Math.max(1, Math.min(MOST_YOUNG, Math.floor(Math.min(memory, BY_ITSELF) / YOUNG_SHARE)));
  const old = memory === SHIPPED && memory > BY_ITSELF ? [] : [`--max-old-space-size=${memory}`];
  return [...old, `--max-semi-space-size=${young}`];
}

/** Forks. The child's `error` event tells when that failed; throws where Node does (out of descriptors). */
export function forkWorker(plan: ForkPlan): ChildProcess {
  const names = [...plan.sockets.keys()];
  const fds = Object.fromEntries(names.map((name, index) => [name, FIRST_SOCKET + index]));
  return fork(plan.script, [...plan.args], {
    execArgv: [QUIET, '--expose-gc', ...LEAN, ...heapFlags(plan.memory)],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', plan.lockFd, ...plan.sockets.values()],
    env: {
      ...process.env,
      [IDENTITY_VARIABLE]: JSON.stringify({ ...plan.identity, fds }),
      ...(plan.cache === undefined ? {} : { NODE_COMPILE_CACHE: plan.cache }),
    },
    ...(plan.user === undefined ? {} : plan.user),
  });
}
