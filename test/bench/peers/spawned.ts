/**
 * A peer as a process of ours that stays in the foreground, in a process group of its own; its processes are those below it.
 *
 * It ends with the benchmark, however that ends: by an exit handler, and by a guard when there was no time for one. (The
 * kernel's PR_SET_PDEATHSIG would not do: it is lost when a process changes its user, as Postfix's master does.)
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { isRunning, signal } from '../../support/processes.ts';
import { waitFor } from '../../support/wait.ts';
import { sampleTree } from '../process-tree.ts';
import type { RunningPeer } from './peer.ts';

export interface SpawnOptions {
  readonly command: readonly [string, ...string[]];
  /** That it will listen on. */
  readonly port: number;
  /** What it prints goes here. */
  readonly output: string;
  readonly env?: NodeJS.ProcessEnv;
}

const START_MS = 60_000;
const STOP_MS = 30_000;
const ANSWER_MS = 10_000;
/** Reads until the benchmark closes the pipe or is gone. */
const GUARD = 'read _; kill -s KILL -- "-$0"';

const groups = new Set<number>();
process.on('exit', () => {
  for (const group of groups) signal(-group, 'SIGKILL');
});

/** Starts it and waits for its greeting. */
export async function spawnPeer(options: SpawnOptions): Promise<RunningPeer> {
  const peer = new Spawned(options);
  try {
    await peer.ready();
    return peer;
  } catch (error) {
    await peer.kill();
    throw error;
  }
}

class Spawned implements RunningPeer {
  readonly port: number;
  readonly #output: string;
  readonly #child: ChildProcess;
  readonly #guard: ChildProcess;

  constructor({ command, port, output, env }: SpawnOptions) {
    this.port = port;
    this.#output = output;
    const [file, ...args] = command;
    const log = openSync(output, 'a');
    this.#child = spawn(file, args, {
      detached: true,
      stdio: ['ignore', log, log],
      ...(env === undefined ? {} : { env }),
    });
    closeSync(log);
    this.#child.once('error', () => {});
    if (this.#child.pid === undefined) throw new Error(`${file} cannot be started`);
    groups.add(this.#child.pid);
    const guarded = String(this.#child.pid);
    this.#guard = spawn('/bin/sh', ['-c', GUARD, guarded], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async ready(): Promise<void> {
    const what = (): string => `a greeting at port ${this.port}:\n${readFileSync(this.#output, 'utf8').slice(-4000)}`;
    await waitFor(
      () => {
        if (!isRunning(this.pid)) throw new Error(`it ended instead of ${what()}`);
        return greets(this.port);
      },
      { deadline: START_MS, what },
    );
  }

  async stop(): Promise<void> {
    const all = this.#tree();
    signal(this.pid, 'SIGTERM');
    await this.#gone(all).catch(() => {});
    await this.#end(all);
  }

  async kill(): Promise<void> {
    await this.#end(this.#tree());
  }

  async #end(all: readonly number[]): Promise<void> {
    signal(-this.pid, 'SIGKILL');
    for (const pid of all) signal(pid, 'SIGKILL');
    await this.#gone(all);
    groups.delete(this.pid);
    this.#guard.kill('SIGKILL');
  }

  #tree(): number[] {
    return [...sampleTree(this.pid).processes.keys()];
  }

  async #gone(all: readonly number[]): Promise<void> {
    const deadline = STOP_MS;
    await waitFor(() => !all.some(isRunning), { deadline, what: () => `the end of ${all.filter(isRunning).join()}` });
  }
}

/** Whether a server says 220 there. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    const finish = (answer: boolean) => (): void => {
      resolve(answer);
      socket.destroy();
    };
    socket.setTimeout(ANSWER_MS, finish(false));
    socket.once('error', finish(false)).once('close', finish(false));
    socket.once('data', (text) => {
      resolve(text.toString('latin1').startsWith('220'));
      socket.end('QUIT\r\n');
    });
  });
}
