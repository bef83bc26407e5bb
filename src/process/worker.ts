/**
 * The skeleton of every worker: reads its identity and the resolved configuration, connects the log, starts its role,
 * says ready, and ends it again: on a drain order, on SIGTERM, or when the supervisor is gone.
 *
 * A role holds its work only. There is no clean-up on the way out: an exit past the deadline is a crash like any other,
 * told by its status (75), and the injector puts right what it left. The working directory is var; paths are relative.
 */
import module from 'node:module';
import { EX } from '../base/sysexits.ts';
import { errorText } from '../base/text.ts';
import type { Config, FarmName } from '../config/config.ts';
import { readResolved } from '../config/resolved.ts';
import { openLogger, type Logger } from '../log/logger.ts';
import { readIdentity, type Identity } from './identity.ts';
import { decodeOrder, type Figures } from './orders.ts';
import { Reports } from './reports.ts';
import { StageBalance } from './stage-balance.ts';

export interface Worker {
  /** As `router-3`: unique for the life of the supervisor. */
  readonly name: string;
  /** As `router-3-mi5x8k2a`: unique for the life of the queue. Names what it writes. */
  readonly instance: string;
  readonly farm: FarmName;
  readonly config: Config;
  readonly log: Logger;
  /** Inherited listening descriptors by name: the farm's own socket is `farm`, those of clients `listen:KEY` (socket-keys.ts). */
  fd(name: string): number | undefined;
  /** Counts finished jobs; the supervisor recycles the worker after farms.X.jobs of them. */
  jobDone(n?: number): void;
  /** Asks for one more worker of a farm; at most once per 100 ms and farm, more are dropped. */
  wake(farm: FarmName): void;
  /** Asks the supervisor to SIGKILL a worker that overran its deadline. */
  kill(pid: number, why: string): void;
  /** Asks for a run of the injector in settle mode. */
  settle(): void;
  /** The work is done for good: for a role that runs once. Ends the process with status 0. */
  finish(): void;
}

export interface Role {
  /**
   * Stops taking work, finishes what is held, at most until the deadline (milliseconds since 1970). 'unfinished': there is mail
   * now that only this worker knew of, so that it has to end like one that died.
   */
  drain(deadline: number): Promise<'unfinished' | undefined>;
  /** The deadline of a drain under way moved nearer. */
  hurry?(deadline: number): void;
  /** The configuration changed. Only for farms that FARMS says are told in place; workers of the others are replaced. */
  reload?(config: Config): void;
  /** Short figures for `mailfarm status`, asked for once a second. `busy` above 0: not to be retired as idle. */
  stats?(): Figures;
}

/** Written by the supervisor; relative to var. */
const CONFIG_FILE = 'run/config.json';
/** What a worker may still finish when its supervisor is gone. */
const ORPHAN_DRAIN_MS = 5000;
/** How long a worker that got SIGTERM waits for its supervisor to decide. */
const TERM_PATIENCE_MS = 3000;
/** What the log gets to send its last lines. */
const LOG_FLUSH_MS = 500;

/** Runs one worker until it is told to end; call it once, from the role's main.ts. The promise of `start` resolves when the role takes work. */
export function runWorker(start: (worker: Worker) => Promise<Role>): void {
  const identity = readIdentity(process.env);
  if (identity === undefined || process.send === undefined) {
    process.stderr.write('mailfarm: this is a worker: mailfarmd starts it\n');
    process.exit(EX.USAGE);
  }
  process.umask(0o077);
  process.title = `mailfarm: ${identity.name}`;
  const config = readResolved(CONFIG_FILE);
  const log = openLogger({
    socket: config.farms.log.socket,
    farm: identity.farm,
    worker: identity.name,
    level: config.log.level,
  });
  new Skeleton(identity, config, log).run(start);
}

/** States: starting → ready → draining → gone; draining may come at any time, and its deadline only moves nearer. */
class Skeleton {
  readonly #identity: Identity;
  readonly #config: Config;
  readonly #log: Logger;
  readonly #reports = new Reports((report, sent) => {
    if (!process.connected) return sent();
    process.send?.(report, undefined, {}, sent);
  });
  #role: Promise<Role> | undefined;
  #deadline = Infinity;
  #patience: NodeJS.Timeout | undefined;
  #overrun: NodeJS.Timeout | undefined;

  constructor(identity: Identity, config: Config, log: Logger) {
    this.#identity = identity;
    this.#config = config;
    this.#log = log;
  }

  run(start: (worker: Worker) => Promise<Role>): void {
    this.#watchErrors();
    this.#watchSupervisor();
    this.#role = start(this.#worker());
    this.#role.then((role) => this.#ready(role)).catch((error: unknown) => this.#crash(error));
  }

  #worker(): Worker {
    const { name, instance, farm, fds } = this.#identity;
    const reports = this.#reports;
    const limit = this.#config.farms[farm].jobs;
    return {
      name,
      instance,
      farm,
      config: this.#config,
      log: this.#log,
      fd: (key) => fds[key],
      jobDone: (n = 1) => reports.addJobs(n, limit),
      wake: (other) => reports.wake(other),
      kill: (pid, why) => void reports.tell({ report: 'kill', pid, why }),
      settle: () => void reports.tell({ report: 'settle' }),
      finish: () => this.#leave(EX.OK, 'finished'),
    };
  }

  #ready(role: Role): void {
    if (this.#deadline !== Infinity) return;
    this.#log.info('ready', { pid: process.pid });
    const balance = new StageBalance((missing, { entered, left, inHand }) =>
      this.#log.error('imbalance', { stage: this.#identity.farm, missing, entered, left, inHand }),
    );
    this.#reports.tellStats(
      () => role.stats?.() ?? {},
      (figures) => balance.look(figures),
    );
    this.#reports.tell({ report: 'ready' });
    // Otherwise the cache is written at exit only, and the next workers strip types once more.
    module.flushCompileCache();
  }

  #watchSupervisor(): void {
    const drainMs = this.#config.farms[this.#identity.farm].drain;
    process.on('message', (message) => {
      const order = decodeOrder(message);
      if (order?.order === 'drain') this.#drain(order.deadline);
      if (order?.order === 'reload') this.#reload();
      if (order?.order === 'stay') clearTimeout(this.#patience);
      if (order?.order === 'figures') this.#reports.answerFigures(order.n);
    });
    const orphaned = (): void => this.#drain(Date.now() + Math.min(drainMs, ORPHAN_DRAIN_MS));
    process.on('disconnect', orphaned);
    // It may have gone while we read our configuration.
    if (!process.connected) setImmediate(orphaned);
    process.on('SIGTERM', () => this.#askToGo(drainMs));
    // Ctrl-C and a closed terminal reach the whole group: the supervisor decides. SIGUSR1 would open Node's debugger.
    for (const signal of ['SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => {});
  }

  /**
   * A SIGTERM to the whole group (systemd, timeout) must not end all stages at once; one for this worker should find
   * another in its place. So the supervisor decides; if it does not answer, or is gone, this worker drains.
   */
  #askToGo(drainMs: number): void {
    const answered = process.connected && this.#reports.tell({ report: 'term' });
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#drain(Date.now() + drainMs), answered ? TERM_PATIENCE_MS : 0);
  }

  #watchErrors(): void {
    process.on('uncaughtException', (error) => this.#crash(error));
    process.on('unhandledRejection', (error) => this.#crash(error));
    // A terminal that went away must not end a worker.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  }

  #reload(): void {
    this.#role?.then((role) => role.reload?.(readResolved(CONFIG_FILE))).catch((error: unknown) => this.#crash(error));
  }

  #drain(deadline: number): void {
    if (deadline >= this.#deadline) return;
    const first = this.#deadline === Infinity;
    this.#deadline = deadline;
    clearTimeout(this.#overrun);
    this.#overrun = setTimeout(() => this.#leave(EX.TEMPFAIL, 'overrun'), Math.max(0, deadline - Date.now()) + 100);
    if (!first) return void this.#role?.then((role) => role.hurry?.(deadline));
    (this.#role ?? Promise.reject(new Error('no role')))
      .then((role) => role.drain(deadline))
      .then((how) => this.#leave(how === 'unfinished' ? EX.TEMPFAIL : EX.OK, how ?? 'drained'))
      .catch((error: unknown) => this.#crash(error));
  }

  #crash(error: unknown): void {
    const stack = error instanceof Error ? error.stack : undefined;
    this.#log.error('crashed', { why: errorText(error), stack });
    this.#leave(EX.SOFTWARE, 'crashed');
  }

  #leave(status: number, why: string): void {
    this.#reports.stop();
    this.#log.info('leaving', { why, jobs: this.#reports.jobs });
    // A log that does not answer holds no worker back.
    void this.#log.flush(LOG_FLUSH_MS).then(() => process.exit(status));
  }
}
