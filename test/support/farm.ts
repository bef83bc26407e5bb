/**
 * A whole farm for a test: the real bin/mailfarmd on a var and etc of its own, with port 0.
 *
 *     await using farm = await startFarm({ set: ['routes.0.match=*', …], etc: { aliases: 'root: anna\n' } });
 *
 * It is stopped and its folders are removed at the end of the block, also when the test fails, and the test fails when it
 * does not stop; when the test process itself ends before, everything is killed. MAILFARM_KEEP=1 keeps the folders.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { readLog, type LogLine } from './log-lines.ts';
import { isRunning, listWorkers, signal, type FarmProcess } from './processes.ts';
import { ROOT, run, type Ran, type RunOptions } from './run.ts';
import { makeTemp, removeTemp } from './temp.ts';
import { waitFor } from './wait.ts';

export interface FarmOptions {
  /** Each becomes a `--set`. */
  readonly set?: readonly string[];
  /** Files of etc/, by name. */
  readonly etc?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Addresses of listeners by number; default one SMTP listener on port 0 of 127.0.0.1. */
  readonly listen?: readonly string[];
  /** Put before the command, as `['prlimit', '--fsize=100000']`. */
  readonly wrap?: readonly string[];
  /** Runs on the folders of a farm that ended; they are not removed then. */
  readonly folders?: Folders;
  readonly args?: readonly string[];
  /** Of another checkout; default: this one. Ends with a slash. */
  readonly checkout?: string;
  /** Milliseconds until `mailfarmd: ready` must be there; default 120,000. */
  readonly deadline?: number;
}

export interface Folders {
  readonly root: string;
  readonly var: string;
  readonly etc: string;
}

const running = new Set<Farm>();
// Before temp.ts removes the folders by which workers are known.
process.prependListener('exit', () => {
  for (const farm of running) farm.killAtOnce();
});
// The test runner ends a file that takes too long, and people press Ctrl-C: nothing may be left running then.
for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(name, () => process.exit(1));

/** Starts a farm and waits until it is ready; fails with what it printed when it is not. */
export async function startFarm(options: FarmOptions = {}): Promise<Farm> {
  const folders = options.folders ?? makeFolders();
  for (const [name, text] of Object.entries(options.etc ?? {})) writeFileSync(join(folders.etc, name), text);
  const farm = new Farm(folders, options);
  try {
    await farm.start();
    return farm;
  } catch (error) {
    await farm[Symbol.asyncDispose]();
    throw error;
  }
}

/** The folders of a farm, to start several on them one after another. Remove with removeTemp(folders.root). */
export function makeFolders(): Folders {
  const root = makeTemp('farm');
  const folders = { root, var: join(root, 'var'), etc: join(root, 'etc') };
  mkdirSync(folders.var, { mode: 0o700 });
  mkdirSync(folders.etc);
  // At the default port another farm of this machine may listen, and a sendmail of ours would hand it our mail.
  writeFileSync(join(folders.etc, 'mailfarm.yaml'), 'listen: [{ address: "127.0.0.1:0", role: submission }]\n');
  return folders;
}

export class Farm {
  readonly folders: Folders;
  readonly var: string;
  readonly etc: string;
  /** Ports of the listeners, in order. */
  readonly ports: number[] = [];
  stdout = '';
  stderr = '';
  readonly #options: FarmOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<number | NodeJS.Signals> | undefined;

  constructor(folders: Folders, options: FarmOptions) {
    this.folders = folders;
    this.var = folders.var;
    this.etc = folders.etc;
    this.#options = options;
  }

  /** Port of the first listener. */
  get port(): number {
    const [port] = this.ports;
    if (port === undefined) throw new Error(`no port in the ready line:\n${this.stdout}`);
    return port;
  }

  /** Of the supervisor. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Resolves with the exit status, or the signal that ended the supervisor. */
  get ended(): Promise<number | NodeJS.Signals> {
    return this.#ended ?? Promise.reject(new Error('not started'));
  }

  async start(): Promise<void> {
    const listen = this.#options.listen ?? ['127.0.0.1:0'];
    const set = [...listen.map((address, n) => `listen.${n}.address=${JSON.stringify(address)}`), ...userSetting()];
    const sets = [...set, ...(this.#options.set ?? [])].flatMap((text) => ['--set', text]);
    const args = ['--etc', this.etc, '--var', this.var, ...sets, ...(this.#options.args ?? [])];
    const [command, ...rest] = [
      ...(this.#options.wrap ?? []),
      `${this.#options.checkout ?? ROOT}bin/mailfarmd`,
      ...args,
    ];
    const child = spawn(command ?? '', rest, {
      env: { ...process.env, ...this.#options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    running.add(this);
    child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.#ended = new Promise((resolve, reject) => {
      child.once('error', (error) => {
        // It may be that it could not be signalled: then it runs.
        if (child.pid === undefined) running.delete(this);
        reject(error);
      });
      child.once('exit', (status, name) => {
        running.delete(this);
        resolve(status ?? name ?? 'SIGKILL');
      });
    });
    await this.#ready();
  }

  async #ready(): Promise<void> {
    let status: unknown;
    const ended = this.ended.then((value) => (status = value));
    ended.catch((error: unknown) => (status = error));
    const line = await waitFor(
      () => /^mailfarmd: ready.*\n/m.exec(this.stdout)?.[0] ?? (status === undefined ? undefined : 'ended'),
      { deadline: this.#options.deadline ?? 120_000, what: () => `mailfarmd: ready\n${this.#printed()}` },
    );
    if (line === 'ended') throw new Error(`mailfarmd ended with ${String(status)}\n${this.#printed()}`);
    const listen = / listen=(\S*)/.exec(line)?.[1] ?? '';
    for (const address of listen.split(',')) this.ports.push(Number(/:(\d{1,5})$/.exec(address)?.[1] ?? 0));
  }

  /** Lines of the log so far, of all its files. */
  logLines(): LogLine[] {
    return readLog(join(this.var, 'log'));
  }

  /** The first line of the log that fits; waits for it. */
  waitForLog(fits: (line: LogLine) => boolean, deadline = 60_000): Promise<LogLine> {
    return waitFor(() => this.logLines().find(fits), {
      deadline,
      what: () => `a log line for ${String(fits)}\n${this.tail()}`,
    });
  }

  /** Workers that run, of one farm or of all. */
  workers(farm?: string): FarmProcess[] {
    return listWorkers(this.var).filter(
      (worker) => worker.pid !== this.pid && (farm === undefined || worker.farm === farm),
    );
  }

  /** One worker of a farm; waits until there is one. */
  worker(farm: string): Promise<FarmProcess> {
    return waitFor(() => this.workers(farm)[0], { what: `a worker of ${farm}` });
  }

  /** A command of bin/ on this farm's folders. */
  command(name: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return run(`bin/${name}`, args, {
      ...options,
      env: { MAILFARM_ETC: this.etc, MAILFARM_VAR: this.var, ...options.env },
    });
  }

  queueCli(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return this.command('queue', args, options);
  }

  /** Messages in the queue, by the command. */
  async queued(): Promise<number> {
    const { stdout, stderr, status } = await this.queueCli(['count']);
    const count = /\d+/.exec(stdout)?.[0];
    if (status !== 0 || count === undefined) throw new Error(`queue count: ${status} ${stdout}${stderr}`);
    return Number(count);
  }

  /** Waits until the queue holds nothing. Whatever was done to the farm, its own accounts held. */
  async drained(deadline = 120_000): Promise<void> {
    await waitFor(async () => (await this.queued()) === 0, { deadline, what: () => `an empty queue\n${this.tail()}` });
    const imbalance = this.logLines().find(({ event }) => event === 'imbalance');
    if (imbalance) throw new Error(`the farm lost count: ${JSON.stringify(imbalance)}`);
  }

  signal(name: NodeJS.Signals): void {
    signal(this.pid, name);
  }

  /** Stops in order, as an operator does; resolves with the exit status. */
  async stop(deadline = 90_000): Promise<number | NodeJS.Signals> {
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    return this.#waitEnd(deadline);
  }

  /** SIGKILL to the supervisor alone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#waitEnd(60_000);
  }

  /** SIGKILL to everything at once. */
  async killAll(): Promise<void> {
    const workers = this.workers();
    this.signal('SIGKILL');
    for (const { pid } of workers) signal(pid, 'SIGKILL');
    await this.#waitEnd(60_000);
    await this.workersGone();
  }

  /** SIGKILL to everything, also to workers that are stopped, without waiting: this process ends. */
  killAtOnce(): void {
    if (running.has(this)) this.signal('SIGKILL');
    for (const { pid } of this.workers()) signal(pid, 'SIGKILL');
  }

  async workersGone(deadline = 60_000): Promise<void> {
    await waitFor(() => this.workers().length === 0, {
      deadline,
      what: () => `no workers, but ${JSON.stringify(this.workers())}`,
    });
  }

  /** The end of what was printed and logged, for the message of a failure. */
  tail(lines = 30): string {
    const log = this.logLines()
      .slice(-lines)
      .map((line) => JSON.stringify(line));
    return [...log, this.#printed()].join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // A farm that does not stop is a bug like any other.
      if (this.#child !== undefined && isRunning(this.pid)) await this.stop();
    } finally {
      this.killAtOnce();
      await this.workersGone().catch(() => {});
      if (this.#options.folders === undefined) removeTemp(this.folders.root);
    }
  }

  async #waitEnd(deadline: number): Promise<number | NodeJS.Signals> {
    let result: number | NodeJS.Signals | undefined;
    void this.ended.then((value) => (result = value));
    return waitFor(() => result, { deadline, what: () => `the end of mailfarmd\n${this.tail()}` });
  }

  #printed(): string {
    return `stdout: ${this.stdout.slice(-2000)}\nstderr: ${this.stderr.slice(-4000)}`;
  }
}

/** Settings for workers that run as the user of the test: for limits on them, and for folders that only he may enter. */
export const AS_OURSELVES: readonly string[] = userInfo().uid === 0 ? ['user=root'] : [];

/** As root, the workers run as an unprivileged user, who must be able to read the source. Where he can't, they stay root. */
function userSetting(): string[] {
  if (userInfo().uid !== 0) return [];
  let open = (statSync(join(ROOT, 'package.json')).mode & 0o004) !== 0;
  for (let dir = ROOT.replace(/\/$/, ''); ; dir = dirname(dir)) {
    if ((statSync(dir).mode & 0o001) === 0) open = false;
    if (dir === dirname(dir)) break;
  }
  return open ? [] : ['user=root'];
}
