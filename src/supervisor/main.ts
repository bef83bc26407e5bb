/**
 * mailfarmd: reads the command line, prepares, wires the supervisor to signals, log and control socket, and waits.
 *
 * It stays the parent of every worker and carries no job. When it dies, its children notice by the closed channel.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { EX } from '../base/sysexits.ts';
import type { Config, FarmName } from '../config/config.ts';
import { codeRoot } from '../config/paths.ts';
import { openLogger } from '../log/logger.ts';
import { parseAliases } from '../mail/aliases.ts';
import { CONTROL_SOCKET } from '../process/control.ts';
import { FARMS } from '../process/farms.ts';
import { readIpcTls } from '../process/ipc-tls.ts';
import { findCircles } from './alias-circles.ts';
import { readAliases } from './alias-copy.ts';
import { keepControl } from './control-server.ts';
import { Desk } from './desk.ts';
import { DrainProgress } from './drain-progress.ts';
import { untilDrained, type DrainGoal } from './drain.ts';
import { haveEmptyHands } from './empty-hands.ts';
import { drainedLine, firstSteps, readyLine, stuckLine } from './greeting.ts';
import { parseOptions, USAGE, type Options } from './options.ts';
import { cacheOf, load, prepare, type Prepared } from './start-up.ts';
import { Supervisor } from './supervisor.ts';
import { echoTroubles } from './echo-troubles.ts';

/** The main files lie beside ours, and end as ours does: .ts in a checkout, .js in a built package. */
const SOURCES = path.dirname(import.meta.dirname);
const ENDING = path.extname(import.meta.filename);

process.umask(0o077);
process.title = 'mailfarm: supervisor';
// A reload that is asked for before there is anything to reload must not end us, and is done then.
let reloadAsked = false;
const askReload = (): void => void (reloadAsked = true);
process.on('SIGHUP', askReload);
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
await main();

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), process.env, codeRoot());
  if (typeof options === 'string') return leave(EX.USAGE, [options, 'try --help']);
  if (options.help) return print(EX.OK, USAGE.trimEnd());
  if (options.version) return print(EX.OK, `mailfarmd ${readVersion()}`);
  const loaded = await load(options);
  if ('problems' in loaded) return leave(EX.CONFIG, loaded.problems, '');
  for (const warning of loaded.warnings) say(warning);
  if (options.check) return check(loaded.config);
  const prepared = await prepare(loaded.config, options, say);
  if ('status' in prepared) return leave(prepared.status, prepared.lines);
  await run(prepared, options);
}

/** A start goes on without wrong lines of the alias file, a reload does not: whoever checks wants to hear of them. */
function check(config: Config): void {
  const { text, problems } = readAliases(config);
  if (text === undefined) return leave(EX.CONFIG, problems, '');
  for (const circle of findCircles(parseAliases(text, '').table, config.domains.local)) {
    process.stderr.write(`${config.aliases}: aliases lead in a circle, mail for them is bounced: ${circle}\n`);
  }
  if (problems.length === 0) return print(EX.OK, 'ok');
  leave(EX.CONFIG, [...problems, 'all else is right: a start leaves these lines out, a reload is refused'], '');
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
    without: new Set<FarmName>(options.drain ? ['acceptor', 'filter'] : []),
    log,
    onReady: () => {
      log.quiet();
      greet(supervisor, version, options.drain !== undefined);
    },
  });
  const desk = new Desk({ supervisor, options, user: prepared.user, version });
  watchSignals(desk);
  await keepControl({
    path: CONTROL_SOCKET,
    answer: (request) => desk.answer(request),
    owner: prepared.user,
    onError: (why) => log.warn('control', { why }),
  });
  supervisor.start();
  if (reloadAsked) void reloadAloud(desk);
  if (options.drain) await drain(supervisor, desk, options.drain);
}

/** Waits for the end of the work, says what is left, and stops. */
async function drain(supervisor: Supervisor, desk: Desk, goal: DrainGoal): Promise<void> {
  const { config } = supervisor;
  const progress = new DrainProgress(say);
  const end = await untilDrained({
    goal,
    address: config.farms.scheduler.socket,
    tls: readIpcTls(config),
    walked: () => supervisor.injections.handedOnAll,
    stopping: () => supervisor.stopping,
    handsEmpty: () => haveEmptyHands(supervisor.members()),
    onStats: (stats) => progress.note(stats, Date.now()),
  });
  if (end.how === 'stopped') return;
  if (end.how === 'drained') process.stdout.write(`${drainedLine(end)}\n`);
  else say(stuckLine(end.left));
  if (end.how === 'drained') {
    const { delivered, bounced, work } = end;
    supervisor.log('info', 'drained', { delivered, bounced, waiting: work.left, held: work.held });
  } else supervisor.log('error', 'stuck', { left: end.left });
  desk.stop(end.how === 'drained' ? EX.OK : EX.TEMPFAIL);
}

function watchSignals(desk: Desk): void {
  process.on('SIGTERM', () => desk.stop());
  process.on('SIGINT', () => desk.stop());
  // In this order: without a listener, a signal that is under way would be dropped.
  process.on('SIGHUP', () => void reloadAloud(desk));
  process.off('SIGHUP', askReload);
  // SIGUSR1 would open Node's debugger, SIGUSR2 would end us.
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGQUIT'] as const) process.on(signal, () => {});
}

/** A signal gets no answer: what is wrong goes to stderr, unless a terminal shows the log, which has it too. */
async function reloadAloud(desk: Desk): Promise<void> {
  const problems = await desk.reload();
  if (process.stdout.isTTY || problems.length === 0) return;
  for (const problem of problems) say(problem);
  say('the configuration was not taken over; the farm goes on with the one it has');
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
