/**
 * A real acceptor in the test's own process: its role on sockets that the supervisor's code bound, a real store, and real
 * sockets of a router, a filter and a scheduler that answer. Only the supervisor behind the worker is missing.
 * The working directory becomes the var directory: one acceptor at a time.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause } from '../../../src/base/deadline.ts';
import { startAcceptor } from '../../../src/acceptor/acceptor.ts';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { makeHello } from '../../../src/ipc/hello.ts';
import { listenForPeers, type PeerServer } from '../../../src/ipc/listen.ts';
import type { Accepted, Check, SegmentClosed, Verdict } from '../../../src/ipc/messages.ts';
import type { Peer } from '../../../src/ipc/peer.ts';
import type { Logger } from '../../../src/log/logger.ts';
import type { Role, Worker } from '../../../src/process/worker.ts';
import { openStore } from '../../../src/queue/open-store.ts';
import type { Handle } from '../../../src/queue/store.ts';
import { socketKeys } from '../../../src/process/socket-keys.ts';
import { bindSocket } from '../../../src/supervisor/sockets.ts';

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface RunOptions {
  /** mailfarm.yaml; `listen` has port 0 or Unix sockets. */
  readonly yaml: string;
  readonly aliases?: string;
  /** What the filter answers; undefined: it stays silent. Without it there is no filter. */
  readonly verdict?: (check: Check, peer: Peer) => Omit<Verdict, 't' | 'n'> | undefined;
  /** False: the router takes nothing. */
  readonly routerTakes?: boolean;
  /** False: the log answers nothing. */
  readonly logAnswers?: boolean;
  readonly change?: (config: Config) => Config;
}

export interface RunningAcceptor {
  readonly dir: string;
  readonly config: Config;
  readonly role: Role;
  /** Port of each listener, 0 for a Unix socket. */
  readonly ports: readonly number[];
  /** What the router was given. */
  readonly accepted: Accepted[];
  readonly segments: SegmentClosed[];
  readonly log: LogLine[];
  readonly killed: { readonly pid: number; readonly why: string }[];
  readonly woken: string[];
  readonly figures: { jobs: number };
  /** Content of a handed-on message, as bytes in Latin-1. */
  read(handle: string): Promise<string>;
  stop(): Promise<void>;
}

/** Descriptors that a closed server has closed already: their handles must not be collected. */
const keep: unknown[] = [];

export async function runAcceptor(options: RunOptions): Promise<RunningAcceptor> {
  const home = process.cwd();
  const root = await mkdtemp(join(tmpdir(), 'mf-acceptor-'));
  const dir = join(root, 'var');
  await mkdir(join(dir, 'run'), { recursive: true, mode: 0o700 });
  await mkdir(join(root, 'etc'));
  await writeFile(join(root, 'etc', 'mailfarm.yaml'), options.yaml);
  process.chdir(dir);
  await writeFile('run/aliases', options.aliases ?? '');
  const loaded = await loadConfig({ etcDir: join(root, 'etc'), varDir: dir, set: [] });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const config = options.change?.(loaded.config) ?? loaded.config;
  const bound = config.listen.map(({ address }) => {
    const result = bindSocket(address);
    if (!result.ok) throw new Error(result.why);
    keep.push(result.bound);
    return result.bound;
  });
  const keys = socketKeys(config.listen.map(({ address }) => address));
  const running = { accepted: [] as Accepted[], segments: [] as SegmentClosed[], log: [] as LogLine[] };
  const marks = { killed: [] as { pid: number; why: string }[], woken: [] as string[], figures: { jobs: 0 } };
  const stages = await startStages(config, options, running);
  const worker: Worker = {
    name: 'acceptor-1',
    instance: 'acceptor-1-test',
    farm: 'acceptor',
    config,
    log: {
      ...recordLog(running.log),
      ...(options.logAnswers === false && { flush: async (ms = 1000) => (await pause(ms), false) }),
    },
    fd: (name) => (name.startsWith('listen:') ? bound[keys.indexOf(name.slice(7))]?.fd : undefined),
    jobDone: (n = 1) => void (marks.figures.jobs += n),
    wake: (farm) => void marks.woken.push(farm),
    kill: (pid, why) => void marks.killed.push({ pid, why }),
    settle: () => undefined,
    finish: () => undefined,
  };
  const role = await startAcceptor(worker);
  let drained: ReturnType<Role['drain']> | undefined;
  const drain: Role['drain'] = (deadline) => (drained ??= role.drain(deadline));
  return {
    dir,
    config,
    role: { ...role, drain },
    ports: bound.map(({ actual }) => (actual.startsWith('unix:') ? 0 : Number(/:(\d+)$/.exec(actual)?.[1]))),
    ...running,
    ...marks,
    read: (handle) => readContent(config, handle),
    async stop() {
      await drain(Date.now() + 2000);
      for (const stage of stages) await stage.close();
      process.chdir(home);
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function startStages(
  config: Config,
  options: RunOptions,
  running: { readonly accepted: Accepted[]; readonly segments: SegmentClosed[] },
): Promise<PeerServer[]> {
  const serve = (farm: 'router' | 'filter' | 'scheduler', onPeer: (peer: Peer) => void): Promise<PeerServer> =>
    listenForPeers({ path: config.farms[farm].socket, self: makeHello({ farm, worker: `${farm}-1` }), onPeer });
  const router = serve('router', (peer) => {
    peer.onFrame = (frame) => {
      if (frame.t !== 'accepted') return;
      running.accepted.push(frame);
      if (options.routerTakes !== false) peer.send({ t: 'taken', n: frame.n });
    };
  });
  const scheduler = serve('scheduler', (peer) => {
    peer.onFrame = (frame) => {
      if (frame.t !== 'segment') return;
      running.segments.push(frame);
      peer.send({ t: 'taken', n: frame.n });
    };
  });
  const { verdict } = options;
  const filter = verdict && serve('filter', (peer) => answerChecks(peer, verdict));
  return Promise.all([router, scheduler, ...(filter ? [filter] : [])]);
}

function answerChecks(peer: Peer, verdict: NonNullable<RunOptions['verdict']>): void {
  peer.onFrame = (frame) => {
    if (frame.t !== 'check') return;
    const answer = verdict(frame, peer);
    if (answer !== undefined) peer.send({ t: 'verdict', n: frame.n, ...answer });
  };
}

function recordLog(lines: LogLine[]): Logger {
  const at =
    (level: string) =>
    (event: string, fields: Record<string, unknown> = {}): void =>
      void lines.push({ level, event, fields });
  const log = { info: at('info'), warn: at('warn'), error: at('error'), debug: at('debug') };
  return { ...log, flush: () => Promise.resolve(true), dropped: () => 0 } as Logger;
}

async function readContent(config: Config, handle: string): Promise<string> {
  const log = recordLog([]);
  const store = await openStore({ config, role: 'reader', worker: 'test', log });
  const found = await store.read(handle as Handle);
  if (found.kind !== 'found') throw new Error(`${handle}: ${found.kind}`);
  const chunks: Buffer[] = [];
  for await (const chunk of found.message.stream()) chunks.push(chunk as Buffer);
  await store.close();
  return Buffer.concat(chunks).toString('latin1');
}
