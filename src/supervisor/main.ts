/**
 * mailfarmd: reads the command line, prepares, wires the supervisor to signals, log and control socket, and waits.
 *
 * It stays the parent of every worker and carries no job. When it dies, its children notice by the closed channel.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { EX } from '../base/sysexits.ts';
import { errorText } from '../base/text.ts';
import type { FarmName } from '../config/config.ts';
import { codeRoot } from '../config/paths.ts';
import { openLogger } from '../log/logger.ts';
import { CONTROL_SOCKET, type ControlAnswer, type ControlRequest } from '../process/control.ts';
import { FARMS } from '../process/farms.ts';
import { serveControl } from './control-server.ts';
import { untilQueueEmpty } from './empty-queue.ts';
import { firstSteps, readyLine } from './greeting.ts';
import { parseOptions, USAGE, type Options } from './options.ts';
import { reload } from './reload.ts';
import { cacheOf, load, prepare, writeConfig, type Prepared } from './start-up.ts';
import { gatherStatus } from './status.ts';
import { killAll, stopInOrder } from './stop.ts';
import { Supervisor, type SupervisorLog } from './supervisor.ts';
import { echoTroubles } from './echo-troubles.ts';

/** The main files lie beside ours, and end as ours does: .ts in a checkout, .js in a built package. */
const SOURCES = path.dirname(import.meta.dirname);
const ENDING = path.extname(import.meta.filename);

process.umask(0o077);
process.title = 'mailfarm: supervisor';
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
await main();

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), process.env, codeRoot());
  if (typeof options === 'string') return leave(EX.USAGE, [options, 'try --help']);
  if (options.help) return print(EX.OK, USAGE.trimEnd());
  if (options.version) return print(EX.OK, `mailfarmd ${readVersion()}`);
  const loaded = await load(options);
  if ('problems' in loaded) return leave(EX.CONFIG, loaded.problems, '');
  if (options.check) return print(EX.OK, 'ok');
  const prepared = await prepare(loaded.config, options, say);
  if ('status' in prepared) return leave(prepared.status, prepared.lines);
  await run(prepared, options);
}

async function run(prepared: Prepared, options: Options): Promise<void> {
  const version = readVersion();
  const { config } = prepared;
  const logger = openLogger({
    socket: config.farms.log.socket,
    farm: 'supervisor',
    worker: 'supervisor',
    level: config.log.level,
  });
  const log = echoTroubles(logger, say);
  const supervisor = new Supervisor({
    ...prepared,
    cache: cacheOf(prepared.user),
    scriptOf: (farm: FarmName) => path.join(SOURCES, `${FARMS[farm].main}${ENDING}`),
    without: new Set<FarmName>(options.drain ? ['acceptor'] : []),
    log,
    onReady: () => {
      log.quiet();
      greet(supervisor, version, options.drain);
    },
  });
  const stop = stopper(supervisor, logger);
  watchSignals(supervisor, options, prepared, stop, log);
  await serveControl({
    path: CONTROL_SOCKET,
    answer: (request) => answer(request, supervisor, { options, prepared, stop, version }),
    onError: (why) => log.warn('control', { why }),
  });
  supervisor.start();
  if (options.drain) {
    await untilQueueEmpty({
      address: config.farms.scheduler.socket,
      walked: () => supervisor.injections.isDone('start'),
      stopping: () => supervisor.stopping,
    });
    stop();
  }
}

/** The first call stops in order, the second one at once. */
function stopper(supervisor: Supervisor, log: ReturnType<typeof openLogger>): () => void {
  let stopping = false;
  return () => {
    if (stopping) return killAll(supervisor, 'second request to stop');
    stopping = true;
    log.info('stopping');
    stopInOrder(supervisor).then(
      () => process.exit(EX.OK),
      (error: unknown) => leave(EX.SOFTWARE, [errorText(error)]),
    );
  };
}

function watchSignals(
  supervisor: Supervisor,
  options: Options,
  prepared: Prepared,
  stop: () => void,
  log: SupervisorLog,
): void {
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on(
    'SIGHUP',
    () =>
      void reloadNow(supervisor, options, prepared).catch((error: unknown) =>
        log.error('reload', { why: errorText(error) }),
      ),
  );
  // SIGUSR1 would open Node's debugger, SIGUSR2 would end us.
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGQUIT'] as const) process.on(signal, () => {});
}

let reloading: Promise<unknown> = Promise.resolve();

/** One after the other. The problems, empty when it was taken over. */
function reloadNow(supervisor: Supervisor, options: Options, prepared: Prepared): Promise<readonly string[]> {
  const write = (config: Prepared['config']): void => writeConfig(config, prepared.user);
  const done = reloading.then(() => reload({ supervisor, load: () => load(options), write }));
  reloading = done.catch(() => {
    // Whoever asked for it hears of it.
  });
  return done.then(({ problems }) => problems);
}

interface Means {
  readonly options: Options;
  readonly prepared: Prepared;
  readonly stop: () => void;
  readonly version: string;
}

async function answer(request: ControlRequest, supervisor: Supervisor, means: Means): Promise<ControlAnswer> {
  if (request.verb === 'status') return gatherStatus(supervisor, means.version);
  if (request.verb === 'resize') return supervisor.resize(request.farm, request.least, request.most);
  if (request.verb === 'stop') {
    // Not before the answer is on its way.
    setTimeout(means.stop, 50);
    return { ok: true };
  }
  const problems = await reloadNow(supervisor, means.options, means.prepared);
  return problems.length === 0 ? { ok: true } : { ok: false, why: 'the configuration is wrong', problems };
}

function greet(supervisor: Supervisor, version: string, drain: boolean): void {
  const options = { version, config: supervisor.config, listeners: supervisor.sockets.addresses() };
  const lines = [readyLine(options), ...(drain ? [] : firstSteps(options))];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function readVersion(): string {
  const text = readFileSync(path.join(codeRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

function say(line: string): void {
  process.stderr.write(`mailfarmd: ${line}\n`);
}

function print(status: number, text: string): void {
  process.stdout.write(`${text}\n`);
  process.exitCode = status;
}

function leave(status: number, lines: readonly string[], prefix = 'mailfarmd: '): never {
  for (const line of lines) process.stderr.write(`${prefix}${line}\n`);
  process.exit(status);
}
