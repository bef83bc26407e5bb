/**
 * mailfarm drill: says what it will do, asks where somebody sits at a terminal, does it and reports. One at a time on a farm.
 */
import { closeSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import type { Argv } from 'yargs';
import { EX } from '../../../base/sysexits.ts';
import { errorText, oneLine } from '../../../base/text.ts';
import { formatEndpoint, parseEndpoint, type Endpoint } from '../../../client/endpoint.ts';
import type { Config, FarmName } from '../../../config/config.ts';
import { formatDuration } from '../../../config/units.ts';
import type { Status } from '../../../process/control.ts';
import { removeDrillLease } from '../../../process/drill-lease.ts';
import { takeLock } from '../../../process/lock.ts';
import type { Context, Output } from '../../common/context.ts';
import type { CommonArgs } from '../../common/parser.ts';
import { becomeOwner, resolvePlaces } from '../../common/places.ts';
import { loadSettings } from '../../common/settings.ts';
import { formatSize } from '../../common/units.ts';
import { parsePlan, type DrillArgs, type DrillPlan } from './options.ts';
import { reportDrill, seconds } from './report.ts';
import { runDrill } from './run.ts';

/** Relative to var. */
const LOCK_FILE = 'run/drill.lock';
/** What the drill's mail passes through; filter only where the listener has filters. */
const CARRIERS: readonly FarmName[] = ['acceptor', 'filter', 'router', 'scheduler', 'smtp'];

const EXIT_STATUS =
  'Exit status: 0 nothing was lost, 64 wrong usage, 69 no farm runs or it has no listener for this, 70 the farm lost ' +
  'something, damaged it or delivered it twice without need, 75 nothing is proved (mail still waits, nothing was ' +
  'accepted, or another drill runs), 77 not permitted.';

/** Options of the verb. */
export function addDrillOptions<T extends CommonArgs>(verb: Argv<T>): Argv<T & DrillArgs> {
  const text = { type: 'string', requiresArg: true } as const;
  return verb
    .usage(
      '$0 drill: send marked mail through the running farm while its workers are killed\n\nUsage: $0 drill [options]',
    )
    .option('for', { ...text, default: '30s', describe: 'How long to send and kill, at most 1h' })
    .option('rate', { ...text, default: '20/s', describe: 'Messages a second, at most 500' })
    .option('messages', { ...text, describe: 'End after so many messages, at most 100000' })
    .option('sessions', { ...text, default: '4', describe: 'SMTP sessions at a time, at most 50' })
    .option('kill', { ...text, describe: 'Farms, as acceptor,router; default: those that carry this mail' })
    .option('every', { ...text, default: '3s', describe: 'Time from one kill to the next' })
    .option('signal', { ...text, default: 'KILL', describe: 'KILL, or TERM for an orderly end' })
    .option('size', { ...text, default: '1k', describe: 'Size of a message, at most 1M' })
    .option('wait', { ...text, default: '60s', describe: 'Wait so long for what is under way at the end' })
    .option('seed', { ...text, describe: 'Kill in the same order as another drill' })
    .option('yes', { type: 'boolean', default: false, describe: 'Do not ask' })
    .example('$0 drill', 'half a minute at 20 messages a second, a kill every 3 seconds')
    .example('$0 drill --kill smtp,scheduler --every 10s --for 5m', 'these farms only, for longer')
    .example('$0 drill --signal TERM --yes --json', 'orderly ends, for a script')
    .epilogue(EXIT_STATUS);
}

/** Runs it within var, on the farm of this status. */
export async function drill(context: Context, args: DrillArgs, status: Status): Promise<number> {
  const parsed = parsePlan(args);
  if (!parsed.ok) return say(context, parsed.why, EX.USAGE);
  const settings = await loadSettings(resolvePlaces(args, context));
  if (!settings.ok) return say(context, settings.why, EX.CONFIG);
  if (status.stopping) return say(context, 'the farm is stopping', EX.UNAVAILABLE);
  becomeOwner();
  const way = chooseWay(settings.config, status, parsed.plan);
  if (way === undefined) return say(context, 'the farm has no SMTP listener without implicit TLS', EX.UNAVAILABLE);
  // The kernel gives it back however this process ends.
  const lock = await takeLock(LOCK_FILE, { waitMs: 0 });
  if (lock.kind === 'unable') return say(context, lock.why, EX.TEMPFAIL);
  if (lock.kind !== 'locked') return say(context, `another drill runs on this farm (pid ${lock.pid})`, EX.TEMPFAIL);
  try {
    const asks = !args.yes && isTerminal(context.stdin) && isTerminal(context.out.stream);
    // JSON stands alone on standard output; without a question it needs no words either.
    const words = args.json ? context.err : context.out;
    if (asks || !args.json) await announce(words, { plan: parsed.plan, way, status });
    if (asks && !(await isWanted(context.stdin, words))) return await say(context, 'nothing was done', EX.OK);
    return await perform(context, args, { config: settings.config, plan: parsed.plan, way });
  } catch (error) {
    return await say(context, errorText(error), EX.TEMPFAIL);
  } finally {
    closeSync(lock.fd);
  }
}

/** Where the mail goes in, and who dies. */
interface Way {
  readonly listener: Endpoint;
  readonly farms: readonly FarmName[];
}

/** A listener with filters where the filter farm is to be drilled, else the one for own mail, else any. */
function chooseWay(config: Config, status: Status, plan: DrillPlan): Way | undefined {
  const usable = config.listen
    .map((listener, index) => ({ ...listener, endpoint: parseEndpoint(status.listeners[index] ?? listener.address) }))
    .filter(({ tls, protocol, endpoint }) => tls !== 'implicit' && protocol === 'smtp' && endpoint !== undefined);
  const filtered = usable.find(({ filters }) => filters.length > 0);
  const chosen =
    plan.farms !== undefined && !plan.farms.includes('filter')
      ? (usable.find(({ role }) => role !== 'mx') ?? usable[0])
      : (filtered ?? usable.find(({ role }) => role !== 'mx') ?? usable[0]);
  if (chosen?.endpoint === undefined) return undefined;
  const carriers = CARRIERS.filter((farm) => farm !== 'filter' || chosen.filters.length > 0);
  return { listener: chosen.endpoint, farms: plan.farms ?? carriers };
}

async function announce(
  words: Output,
  { plan, way, status }: { readonly plan: DrillPlan; readonly way: Way; readonly status: Status },
): Promise<void> {
  const { messages, size, rate, sessions, forMs, signal, everyMs, seed } = plan;
  const alone = status.farms
    .filter(({ farm, workers }) => way.farms.includes(farm) && workers.filter(({ ready }) => ready).length === 1)
    .map(({ farm }) => farm);
  await words.line(
    `drill: ${messages} messages of ${formatSize(size)} at ${rate} a second over ${sessions} sessions to ` +
      `${formatEndpoint(way.listener)}, ${formatDuration(forMs)} at most\n` +
      `kills one worker at a time with SIG${signal} every ${formatDuration(everyMs)}: ${way.farms.join(', ')} (seed ${seed})\n` +
      'mail of others: none is lost. Clients of a killed acceptor connect again; what a killed transport is just ' +
      'delivering may arrive twice',
  );
  if (alone.length > 0) {
    await words.line(`one worker alone: ${alone.join(', ')}; all mail pauses until it is replaced`);
  }
}

function isTerminal(stream: Readable | Writable): boolean {
  return (stream as { readonly isTTY?: boolean }).isTTY === true;
}

async function isWanted(from: Readable, words: Output): Promise<boolean> {
  const lines = createInterface({ input: from, output: words.stream });
  try {
    return /^y(es)?$/i.test((await lines.question('start? [y/N] ')).trim());
  } finally {
    lines.close();
  }
}

async function perform(
  context: Context,
  { json }: DrillArgs,
  { config, plan, way }: { readonly config: Config; readonly plan: DrillPlan; readonly way: Way },
): Promise<number> {
  const interrupt = listenForInterrupts();
  try {
    const result = await runDrill({
      context,
      config,
      plan,
      ...way,
      stop: interrupt.signal,
      onKill: ({ worker, pid, signal }, sinceStartMs) => {
        const line = `${seconds(sinceStartMs).padStart(7)}  SIG${signal} to ${worker}, pid ${pid}`;
        if (!json) void context.out.line(line);
      },
    });
    return await reportDrill(context, result, { plan, json, stopped: interrupt.signal.aborted });
  } finally {
    interrupt.end();
  }
}

/** The first Ctrl-C ends the drill in order, with a report; the second one at once. */
function listenForInterrupts(): { readonly signal: AbortSignal; readonly end: () => void } {
  const stop = new AbortController();
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const interrupt = (): void => {
    if (!stop.signal.aborted) return stop.abort();
    removeDrillLease();
    return process.exit(EX.TEMPFAIL);
  };
  for (const name of names) process.on(name, interrupt);
  return {
    signal: stop.signal,
    end: () => {
      for (const name of names) process.off(name, interrupt);
    },
  };
}

async function say(context: Context, why: string, status: number): Promise<number> {
  await context.err.line(`mailfarm: ${oneLine(why)}`);
  return status;
}
