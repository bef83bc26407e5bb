/**
 * The mailfarm command: looks at the running farm and changes it, through the supervisor's control socket.
 */
import { EX } from '../../base/sysexits.ts';
import { oneLine } from '../../base/text.ts';
import type { Config, FarmName } from '../../config/config.ts';
import type { ControlAnswer, ControlRequest, Status } from '../../process/control.ts';
import type { Context } from '../common/context.ts';
import { askSupervisor } from '../common/control.ts';
import { runCommandLine, type Choose, type CommonArgs, type Parser } from '../common/parser.ts';
import { enterVar, resolvePlaces, type Places } from '../common/places.ts';
import { loadSettings } from '../common/settings.ts';
import { runTrace } from '../queue/command.ts';
import { parseBounds, RESIZABLE } from './bounds.ts';
import { lookUpDomain } from './dns.ts';
import { addDrillOptions, drill } from './drill/command.ts';
import type { DrillArgs } from './drill/options.ts';
import { printStatus, type StatusOptions } from './status.ts';
import { longestStop, waitForStop } from './stop.ts';
import { dedicate, printTenants } from './tenants.ts';

const STATUS_MS = 5000;
/** A reload reads the configuration and starts workers: it may take a while on a busy machine. */
const CHANGE_MS = 60_000;
const TAKEN_OVER = 'taken over; workers are being replaced one after another (mailfarm status shows them)';

/** Runs the command; resolves with the exit status. */
export function runMailfarm(context: Context): Promise<number> {
  return runCommandLine({
    name: 'mailfarm',
    context,
    needs: {
      resize: 'a farm and a size',
      lane: 'a tenant and a number of lanes',
      trace: 'the id of a message',
      dns: 'a domain',
    },
    verbs: (parser, choose) => addTenantVerbs(addVerbs(parser, context, choose), context, choose),
  });
}

function addVerbs(parser: Parser, context: Context, choose: Choose): Parser {
  return parser
    .usage('$0: look at the running mail farm, and change it\n\nUsage: $0 VERB [options]')
    .example('$0 status', 'farms, workers, and what waits for whom')
    .example('$0 reload', 'take over what changed in etc; no session is lost')
    .example('$0 resize acceptor 4', 'exactly four workers, until the next reload or start')
    .example('$0 resize smtp 0:20', 'none when idle, at most twenty')
    .example('$0 lane shop 4', 'four lanes of each channel for this tenant alone; 0 takes them back')
    .example('$0 dns example.org', 'who takes mail for it, and what we would do with it')
    .example('$0 drill --for 1m', 'kill workers for a minute; tell what was lost, and how long mail paused')
    .command(
      'status',
      'Show farms, workers and bins',
      (verb) => verb.option('workers', { type: 'boolean', default: false, describe: 'Each worker on a line' }),
      (args) => choose(() => status(context, args)),
    )

    .command(
      'reload',
      'Read the configuration again',
      (verb) => verb,
      (args) => choose(() => reload(context, args)),
    )
    .command(
      'resize <farm> <size>',
      'Change the number of workers of a farm',
      (verb) =>
        verb.positional('farm', { choices: RESIZABLE, demandOption: true, describe: 'Farm' }).positional('size', {
          type: 'string',
          demandOption: true,
          describe: 'Workers: 4, or 2:6 for least and most',
        }),
      (args) => choose(() => resize(context, args)),
    )
    .command(
      'stop',
      'Stop the farm: it finishes what it holds',
      (verb) =>
        verb.option('wait', {
          type: 'boolean',
          default: true,
          describe: 'Until it has stopped; --no-wait only asks it to',
        }),
      (args) => choose(() => stop(context, args)),
    )
    .command(
      'drill',
      'Kill workers while marked mail passes, and account for it',
      (verb) => addDrillOptions(verb),
      (args) => choose(() => runDrill(context, args)),
    )
    .command(
      'trace <id>',
      'Show what happened to one message, from log and queue',
      (verb) => verb.positional('id', { type: 'string', demandOption: true, describe: 'Queue id' }),
      (args) => choose(() => runTrace(context, args, args.id, 'mailfarm')),
    )
    .command(
      'dns <domain>',
      'Show the MX hosts of a domain, and where mail for it goes',
      (verb) =>
        verb
          .positional('domain', { type: 'string', demandOption: true, describe: 'Domain' })
          .epilogue(
            'Exit status: 0 mail would go, 64 wrong usage, 68 it would be returned, 75 it would wait, 78 the configuration is wrong.',
          ),
      (args) => choose(() => lookUpDomain(context, args)),
    ) as Parser;
}

function addTenantVerbs(parser: Parser, context: Context, choose: Choose): Parser {
  return parser
    .command(
      'tenants',
      'Show what waits for which tenant',
      (verb) => verb,
      (args) => choose(() => withConfig(context, args, (config) => printTenants(context, config, args.json))),
    )
    .command(
      'lane <tenant> <lanes>',
      'Give a tenant lanes of its own, or take them back',
      (verb) =>
        verb
          .positional('tenant', { type: 'string', demandOption: true, describe: 'Tenant' })
          .positional('lanes', { type: 'string', demandOption: true, describe: 'Lanes of each channel; 0 for none' }),
      (args) => choose(() => lane(context, args)),
    ) as Parser;
}

function status(context: Context, args: CommonArgs & StatusOptions): Promise<number> {
  return ask(context, args, { verb: 'status' }, async (answer) => {
    if (!isStatus(answer)) return refused(context, answer);
    const settings = await loadSettings(resolvePlaces(args, context));
    return printStatus(context, answer, { ...args, config: settings.ok ? settings.config : undefined });
  });
}

function runDrill(context: Context, args: DrillArgs): Promise<number> {
  return ask(context, args, { verb: 'status' }, (answer) =>
    isStatus(answer) ? drill(context, args, answer) : refused(context, answer),
  );
}

function reload(context: Context, args: CommonArgs): Promise<number> {
  return ask(context, args, { verb: 'reload' }, async (answer) => {
    if (args.json) await context.out.json(answer);
    else if (answer.ok) await context.out.line(TAKEN_OVER);
    if (answer.ok) return EX.OK;
    await context.err.line('mailfarm: the configuration was not taken over; the farm goes on with the one it has');
    for (const problem of answer.problems ?? [answer.why]) await context.err.line(oneLine(problem, 2000));
    return EX.CONFIG;
  });
}

async function resize(
  context: Context,
  args: CommonArgs & { readonly farm: FarmName; readonly size: string },
): Promise<number> {
  const bounds = parseBounds(args.size);
  if (typeof bounds === 'string') {
    await context.err.line(`mailfarm: ${oneLine(bounds)}`);
    return EX.USAGE;
  }
  const { farm } = args;
  const done = `${farm}: at least ${bounds.least}, at most ${bounds.most} workers, until the next reload or start`;
  return ask(context, args, { verb: 'resize', farm, ...bounds }, (answer) => acknowledge(context, args, answer, done));
}

async function lane(
  context: Context,
  args: CommonArgs & { readonly tenant: string; readonly lanes: string },
): Promise<number> {
  const { tenant, json } = args;
  if (!/^\d{1,4}$/.test(args.lanes)) {
    await context.err.line('mailfarm: expected a number of lanes, such as 4, or 0 to take them back');
    return EX.USAGE;
  }
  return withConfig(context, args, (config) => dedicate(context, config, { tenant, lanes: Number(args.lanes), json }));
}

/** For verbs that ask the scheduler; tells why where no farm runs. */
function withConfig(context: Context, args: CommonArgs, work: (config: Config) => Promise<number>): Promise<number> {
  return ask(context, args, { verb: 'status' }, async (answer) => {
    if (!answer.ok) return refused(context, answer);
    const settings = await loadSettings(resolvePlaces(args, context));
    if (settings.ok) return work(settings.config);
    await context.err.line(settings.why);
    return EX.CONFIG;
  });
}

async function stop(context: Context, args: CommonArgs & { readonly wait: boolean }): Promise<number> {
  // Read while it runs: afterwards nobody knows with which drain it was started.
  let limitMs = 0;
  const look = async (places: Places): Promise<void> => {
    const settings = await loadSettings(places);
    limitMs = longestStop(settings.ok ? settings.config : undefined);
  };
  return ask(
    context,
    args,
    { verb: 'stop' },
    (answer) => {
      if (!args.wait || !answer.ok) {
        return acknowledge(context, args, answer, 'the farm finishes what it holds and stops');
      }
      return waitForStop({ context, json: args.json, var: resolvePlaces(args, context).var, limitMs });
    },
    look,
  );
}

async function acknowledge(context: Context, args: CommonArgs, answer: ControlAnswer, done: string): Promise<number> {
  if (args.json) await context.out.json(answer);
  else if (answer.ok) await context.out.line(done);
  return answer.ok ? EX.OK : refused(context, answer);
}

async function refused(context: Context, answer: ControlAnswer): Promise<number> {
  const why = answer.ok ? 'its answer is not known here: another version runs' : oneLine(answer.why);
  await context.err.line(`mailfarm: ${why}`);
  return EX.UNAVAILABLE;
}

function isStatus(answer: ControlAnswer): answer is Status {
  return answer.ok && 'farms' in answer && Array.isArray(answer.farms) && Array.isArray(answer.listeners);
}

/** Asks the supervisor, and tells why where there is no answer. `before` is called within var. */
async function ask(
  context: Context,
  args: CommonArgs,
  question: ControlRequest,
  onAnswer: (answer: ControlAnswer) => Promise<number>,
  before?: (places: Places) => Promise<void>,
): Promise<number> {
  const places = resolvePlaces(args, context);
  const noEntry = enterVar(places);
  if (noEntry !== undefined) {
    await context.err.line(`mailfarm: ${noEntry.why}`);
    return noEntry.status;
  }
  await before?.(places);
  const result = await askSupervisor(question, question.verb === 'status' ? STATUS_MS : CHANGE_MS);
  switch (result.kind) {
    case 'answered':
      return onAnswer(result.answer);
    case 'silent':
      await context.err.line(`mailfarm: the supervisor does not answer: ${result.why}`);
      return EX.TEMPFAIL;
    case 'down':
      await context.err.line(
        result.permitted
          ? `mailfarm: no farm runs on ${places.var}`
          : `mailfarm: the farm in ${places.var} is closed to this user; use its owner, or root`,
      );
      return result.permitted ? EX.UNAVAILABLE : EX.NOPERM;
  }
}
