/**
 * The farms together: who starts when, and what the end of one worker means for the others.
 *
 * It carries no job and opens no mail. It never runs two schedulers, nor a new one beside lanes of an old one (rule 4):
 * when the scheduler dies, the transports are drained, then all start afresh and the injector puts mail back to work.
 */
import type { Config, FarmName } from '../config/config.ts';
import type { KillSignal } from '../process/control.ts';
import { FARMS } from '../process/farms.ts';
import type { InjectorMode, Report } from '../process/orders.ts';
import { Farm, type Bounds, type FarmHost } from './farm.ts';
import { forkWorker } from './fork.ts';
import { Injections, NOT_BEGUN } from './injections.ts';
import { LiveFile } from './live-file.ts';
import { Looks } from './looks.ts';
import { Member, type End, type MemberEvents } from './member.ts';
import type { SocketTable } from './socket-table.ts';

export interface SupervisorLog {
  info(event: string, fields?: Record<string, unknown>): void;
  warn(event: string, fields?: Record<string, unknown>): void;
  error(event: string, fields?: Record<string, unknown>): void;
}

export interface SupervisorOptions {
  readonly config: Config;
  readonly sockets: SocketTable;
  readonly generation: string;
  readonly lockFd: number;
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  readonly cache?: string | undefined;
  /** Absolute path of a farm's main file. */
  readonly scriptOf: (farm: FarmName) => string;
  /** Farms that are not to run: the acceptors of `--drain`. */
  readonly without?: ReadonlySet<FarmName>;
  readonly log: SupervisorLog;
  /** Every farm with a least accepts work, for the first time. */
  readonly onReady: () => void;
}

/** What the transports get to finish when their scheduler died. */
const FENCE_MS = 10_000;
/** Acceptors wait this long for router and scheduler, then they start without. */
const PATIENCE_MS = 5000;
const RETIRE_EVERY_MS = 10_000;
const RESTORE_EVERY_MS = 5000;
/** A SIGTERM to the whole group may reach the workers before us: then it is a stop, and the scheduler goes last. */
const TERM_MS = 500;

export class Supervisor implements FarmHost {
  readonly farms: ReadonlyMap<FarmName, Farm>;
  readonly injections: Injections;
  readonly sockets: SocketTable;
  readonly startedAt = Date.now();
  /** Number of the configuration that new workers run with. */
  epoch = 0;
  config: Config;
  readonly #options: SupervisorOptions;
  readonly #live: LiveFile;
  readonly #numbers = new Map<FarmName, number>();
  #fencing = false;
  #stopping = false;
  #told = false;
  #timers: NodeJS.Timeout[] = [];
  readonly #looks = new Looks(() => this.injections.request('look'));

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.config = options.config;
    this.sockets = options.sockets;
    this.#live = new LiveFile(options.user, (why) => options.log.error('live-file', { why }));
    const names = (Object.keys(FARMS) as FarmName[]).filter((name) => !FARMS[name].once && !options.without?.has(name));
    this.farms = new Map(names.map((name) => [name, new Farm(name, boundsOf(options.config, name), this)]));
    this.injections = new Injections({
      launch: (mode, since, events) => this.#launchInjector(mode, since, events),
      log: (level, event, fields) => this.log(level, event, fields),
    });
  }

  start(): void {
    for (const [name, farm] of this.farms) if (name !== 'acceptor') farm.open();
    this.injections.request('start');
    // It waits for its stages by itself, and is up by the time that they are.
    this.injections.open();
    this.#timers = [
      setTimeout(() => this.#openAcceptors(), PATIENCE_MS),
      setInterval(() => this.#retireIdle(), RETIRE_EVERY_MS),
      setInterval(() => this.#restoreSockets(), RESTORE_EVERY_MS),
    ];
  }

  /** New bounds for a farm, until the next reload. */
  resize(
    name: FarmName,
    least: number,
    most: number,
  ): { readonly ok: true } | { readonly ok: false; readonly why: string } {
    const farm = this.farms.get(name);
    if (farm === undefined) return { ok: false, why: `${name} does not run as a farm` };
    if (farm.traits.single && (least !== 1 || most !== 1)) return { ok: false, why: `there is always one ${name}` };
    if (least > most || most < 1) return { ok: false, why: 'least must not be above most, and most be 1 or more' };
    farm.resize({ ...farm.bounds, least, most });
    this.log('info', 'resized', { farm: name, least, most });
    return { ok: true };
  }

  /** A drill ends a worker. By our own record of it: the pid cannot be another process by now. */
  strike(pid: number, signal: KillSignal): { readonly ok: true } | { readonly ok: false; readonly why: string } {
    const member = this.members().find((candidate) => candidate.pid === pid);
    if (member === undefined) return { ok: false, why: `no worker of this farm has pid ${pid}` };
    this.log('warn', 'drill', { farm: member.farm, worker: member.name, pid, signal });
    if (signal === 'KILL') member.kill('drill');
    else member.terminate();
    return { ok: true };
  }

  /** From here on nothing is started in place of what ends. */
  beginStop(): void {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#looks.stop();
    // Also no scheduler in place of one that dies now: lanes of its time are still there.
    for (const farm of this.farms.values()) farm.freeze();
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  launch(farm: FarmName, epoch: number, events: MemberEvents): Member {
    return this.#fork(farm, epoch, [], events);
  }

  onReady(_farm: Farm, member: Member): void {
    this.log('info', 'started', { farm: member.farm, worker: member.name, pid: member.pid });
    // After the farm took note.
    setImmediate(() => this.#afterReady());
  }

  onReport(farm: Farm | undefined, member: Member, report: Report): void {
    if (report.report === 'stats' && farm?.traits.writes === true && !this.#stopping) this.#looks.noteWork();
    if (report.report === 'term') setTimeout(() => this.#letGo(farm, member), TERM_MS).unref();
    if (report.report === 'wake') this.farms.get(report.farm)?.wake();
    if (report.report === 'settle') this.injections.request('settle');
    if (report.report === 'kill') this.#killByPid(report.pid, `${member.name}: ${report.why}`);
  }

  onGone(farm: Farm, member: Member, end: End): void {
    this.#bury(member, end);
    // Also of one that ended well: it may have had to leave what no router took. Clocks may have been set back since it began.
    if (farm.traits.writes) this.injections.writerGone(Math.min(member.startedAt, Date.now() - end.livedMs));
    if (this.#stopping) return;
    if (farm.name === 'scheduler') void this.#fence();
    else if (farm.traits.writes && !end.clean) this.injections.request('orphans');
  }

  log(level: 'info' | 'warn' | 'error', event: string, fields: Record<string, unknown>): void {
    this.#options.log[level](event, fields);
  }

  /** The members of all farms, injectors included. */
  members(): Member[] {
    return [...[...this.farms.values()].flatMap((farm) => [...farm.members]), ...this.injections.members];
  }

  #launchInjector(mode: InjectorMode, since: number, events: MemberEvents): Member {
    return this.#fork('injector', this.epoch, since > 0 ? [mode, String(Math.floor(since))] : [mode], {
      onReady: (member) => events.onReady(member),
      onReport: (member, report) => this.onReport(undefined, member, report),
      onGone: (member, end) => {
        this.#bury(member, end);
        events.onGone(member, end);
      },
    });
  }

  #fork(farm: FarmName, epoch: number, args: readonly string[], events: MemberEvents): Member {
    const number = (this.#numbers.get(farm) ?? 0) + 1;
    this.#numbers.set(farm, number);
    const name = `${farm}-${number}`;
    const instance = `${name}-${this.#options.generation}`;
    const { lockFd, user, cache, scriptOf } = this.#options;
    this.#live.add(instance);
    const fork = () => {
      if (FARMS[farm].once && this.#live.stale) throw new Error('run/live.json cannot be written');
      const sockets = this.sockets.forFarm(farm);
      const { memory } = this.config.farms[farm];
      return forkWorker({
        script: scriptOf(farm),
        args,
        identity: { farm, name, instance },
        sockets,
        lockFd,
        memory,
        user,
        cache,
      });
    };
    return new Member({ farm, name, instance, epoch, once: FARMS[farm].once, fork, events });
  }

  #bury(member: Member, end: End): void {
    this.#live.remove(member.instance);
    const { code, signal, why } = end;
    const fields = { farm: member.farm, worker: member.name, pid: member.pid, code, signal, why, jobs: member.jobs };
    this.log(end.clean || why === NOT_BEGUN ? 'info' : 'error', 'exited', fields);
  }

  #afterReady(): void {
    if (this.#stopping || this.#fencing) return;
    if (this.#accepting('scheduler') && this.#accepting('router')) {
      this.injections.open();
      this.#openAcceptors();
    }
    if (this.#told || ![...this.farms.values()].every((farm) => farm.accepting)) return;
    this.#told = true;
    this.#options.onReady();
  }

  #accepting(name: FarmName): boolean {
    return this.farms.get(name)?.accepting ?? true;
  }

  #openAcceptors(): void {
    const farm = this.farms.get('acceptor');
    if (!this.#stopping && farm !== undefined && !farm.isOpen) farm.open();
  }

  /** The scheduler is gone: no new one before every lane of its time is gone. */
  async #fence(): Promise<void> {
    if (this.#fencing) return;
    this.#fencing = true;
    const deadline = Date.now() + FENCE_MS;
    const scheduler = this.farms.get('scheduler');
    const lanes = [...this.farms.values()].filter((farm) => farm.traits.lanes);
    const closing = [scheduler, ...lanes].map((farm) => farm?.close(deadline));
    await Promise.all([...closing, this.injections.close(deadline)]);
    this.#fencing = false;
    if (this.#stopping) return;
    this.injections.request('start');
    for (const farm of [scheduler, ...lanes]) farm?.open();
  }

  /** SIGTERM to one worker: another takes its place. To all of them at once: our own stop comes in its order. */
  #letGo(farm: Farm | undefined, member: Member): void {
    if (member.gone) return;
    if (this.#stopping) member.stay();
    else if (farm === undefined || farm.traits.single) member.drain(Date.now() + this.config.farms[member.farm].drain);
    else farm.replace(member);
  }

  #killByPid(pid: number, why: string): void {
    const member = this.members().find((candidate) => candidate.pid === pid);
    if (member === undefined) return;
    this.log('warn', 'killing', { farm: member.farm, worker: member.name, pid, why });
    member.kill(why);
  }

  /** Somebody removed files of sockets, as tidying programs do: new ones are bound, and workers that listen on them follow. */
  #restoreSockets(): void {
    const { restored, problems } = this.sockets.restore();
    for (const problem of problems) this.log('error', 'socket-lost', { problem });
    for (const name of restored) {
      this.log('warn', 'socket-restored', { farm: name });
      const farm = this.farms.get(name);
      for (const member of farm?.members ?? []) this.#letGo(farm, member);
    }
  }

  #retireIdle(): void {
    const now = performance.now();
    for (const farm of this.farms.values()) farm.retireIdle(now);
  }
}

/** Bounds of a farm from the configuration; a farm of one is always one. */
export function boundsOf(config: Config, name: FarmName): Bounds {
  const { least, most, jobs, drain } = config.farms[name];
  return FARMS[name].single ? { least: 1, most: 1, jobs: 0, drain } : { least, most, jobs, drain };
}
