/**
 * The queue command: verbs, selectors, and what they have in common. Reading verbs walk the files and work beside a
 * running farm and without one; working verbs take messages from the running farm first.
 */
import { EX } from '../../base/sysexits.ts';
import { errorCode, errorText, oneLine } from '../../base/text.ts';
import type { Config } from '../../config/config.ts';
import type { Context } from '../common/context.ts';
import { runCommandLine, type Choose, type CommonArgs, type Parser } from '../common/parser.ts';
import { becomeOwner, enterVar, resolvePlaces } from '../common/places.ts';
import { loadSettings } from '../common/settings.ts';
import { countMessages, listMessages, type Reading } from './read-verbs.ts';
import { addSelectors, REPEATABLE, selectorArgs, type SelectorOptions } from './selector-options.ts';
import { parseSelector, type Selector } from './selectors.ts';
import { showMessage, type ShowPart } from './show.ts';
import { summarise, SUMMARY_BY } from './summary.ts';
import { traceMessage } from './trace.ts';
import { operate } from './operate.ts';
import { explainMessages, WHY_LIMIT } from './why.ts';
import { WORKING_VERBS, type WorkingVerb } from './work.ts';

/** A queue at hand, and whether a farm works on it. */
interface Opened {
  readonly config: Config;
  readonly live: boolean;
}

/** Runs the command; resolves with the exit status. */
export function runQueue(context: Context): Promise<number> {
  return runCommandLine({
    name: 'queue',
    context,
    repeatable: REPEATABLE,
    needs: { show: 'the id of a message', trace: 'the id of a message' },
    verbs: (parser, choose) => addWorking(addReading(parser, context, choose), context, choose),
  });
}

function addReading(parser: Parser, context: Context, choose: Choose): Parser {
  const reading = (args: SelectorOptions, read: (reading: Reading) => Promise<number>): void =>
    choose(() => readWith(context, args, read));
  return parser
    .usage('$0: look at the mail queue of Mailfarm, and work on it\n\nUsage: $0 VERB [ID...] [selectors]')
    .example('$0 list', 'everything that waits')
    .example("$0 list --domain example.org --age '>1h'", 'what has waited for example.org for an hour')
    .example('$0 show 06fr3kx2b8yq4jv0001', 'one message: envelope, recipients, header')
    .example('$0 why 06fr3kx2b8yq4jv0001', 'why it waits, and when it is tried next')
    .example('$0 retry --domain example.org', 'try it all again now')
    .example("$0 hold --sender '*@example.net'", 'keep it back until queue release')
    .command(
      'list [id..]',
      'List messages',
      (verb) => addSelectors(verb),
      (args) => reading(args, listMessages),
    )
    .command(
      'count [id..]',
      'Count messages',
      (verb) => addSelectors(verb),
      (args) => reading(args, countMessages),
    )
    .command(
      'summary [id..]',
      'Show for whom messages wait, and how long already',
      (verb) =>
        addSelectors(verb).option('by', {
          choices: SUMMARY_BY,
          default: 'domain' as const,
          describe: 'What a row stands for',
        }),
      (args) => reading(args, (what) => summarise(what, args.by)),
    )
    .command(
      'show <id>',
      'Show one message',
      (verb) =>
        verb
          .positional('id', { type: 'string', demandOption: true, describe: 'Queue id' })
          .option('headers', { type: 'boolean', describe: 'Its header alone' })
          .option('body', { type: 'boolean', describe: 'Its body alone' })
          .option('raw', { type: 'boolean', describe: 'All of it, byte for byte into a file or pipe' })
          .conflicts('headers', ['body', 'raw'])
          .conflicts('body', 'raw'),
      (args) => choose(() => show(context, args)),
    )
    .command(
      'why [id..]',
      'Say why messages wait, and what to do about it',
      (verb) => addSelectors(verb),
      (args) => choose(() => explain(context, args)),
    )
    .command(
      'trace <id>',
      'Show what happened to one message, from log and queue',
      (verb) => verb.positional('id', { type: 'string', demandOption: true, describe: 'Queue id' }),
      (args) => choose(() => runTrace(context, args, args.id, 'queue')),
    ) as Parser;
}

const DESCRIPTIONS: Readonly<Record<WorkingVerb, string>> = {
  retry: 'Try deferred messages now',
  hold: 'Keep messages back until they are released',
  release: 'Let held messages go',
  bounce: 'Give messages up and return them to their senders',
  delete: 'Move messages to the deleted queue',
  restore: 'Bring messages back from the deleted queue',
};

function addWorking(parser: Parser, context: Context, choose: Choose): Parser {
  let result = parser;
  for (const name of WORKING_VERBS) {
    result = result.command(
      `${name} [id..]`,
      DESCRIPTIONS[name],
      (verb) =>
        addSelectors(verb)
          .option('all', {
            type: 'boolean',
            default: false,
            describe: 'Mean every message, where no selector but --not is given',
          })
          .option('dry-run', { type: 'boolean', default: false, describe: 'Say what would be done, and do nothing' })
          .option('yes', { type: 'boolean', default: false, describe: 'Do not ask, however many messages are meant' })
          .option('quiet', { type: 'boolean', default: false, describe: 'Print the sum only' })
          .option('reason', { type: 'string', requiresArg: true, describe: 'For hold and bounce: why' }),
      (args) => choose(() => workWith(context, name, args)),
    ) as Parser;
  }
  return result;
}

async function readWith(
  context: Context,
  args: SelectorOptions,
  read: (reading: Reading) => Promise<number>,
): Promise<number> {
  const selector = await selectorOf(context, args);
  if (!selector) return EX.USAGE;
  return withQueue(context, args, ({ config, live }) =>
    read({
      context,
      farm: live ? config : undefined,
      source: { split: config.queue.split, farm: live ? config : undefined },
      selector,
      json: args.json,
      limit: args.limit ?? Infinity,
    }),
  );
}

async function explain(context: Context, args: SelectorOptions): Promise<number> {
  const selector = await selectorOf(context, args);
  if (!selector) return EX.USAGE;
  if (selector.everything && !selector.excludes) {
    await context.err.line('queue: why needs the id of a message, or selectors');
    return EX.USAGE;
  }
  const limit = args.limit ?? (selector.ids.size > 0 ? Infinity : WHY_LIMIT);
  return withQueue(context, args, ({ config, live }) =>
    explainMessages({ context, config, live, selector, limit, json: args.json }),
  );
}

interface WorkingArgs {
  readonly all: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly quiet: boolean;
  readonly reason?: string | undefined;
}

async function workWith(context: Context, verb: WorkingVerb, args: SelectorOptions & WorkingArgs): Promise<number> {
  const selector = await selectorOf(context, args);
  if (!selector) return EX.USAGE;
  if (selector.deleted && verb !== 'restore') {
    await context.err.line(`queue: ${verb} does nothing to the deleted queue: restore brings mail back from there`);
    return EX.USAGE;
  }
  if (selector.everything && !args.all) {
    await context.err.line(
      `queue: name messages by id or selector, or say --all for every one${selector.excludes ? ' but those of --not' : ''}`,
    );
    return EX.USAGE;
  }
  const { dryRun, json, yes, quiet } = args;
  const reason = args.reason === undefined ? undefined : oneLine(args.reason);
  return withQueue(context, args, ({ config, live }) =>
    operate({ context, config, live, verb, selector, limit: args.limit ?? Infinity, dryRun, json, yes, quiet, reason }),
  );
}

async function selectorOf(context: Context, args: SelectorOptions): Promise<Selector | undefined> {
  const parsed = parseSelector(selectorArgs(args));
  if (parsed.ok) return parsed.selector;
  await context.err.line(`queue: ${oneLine(parsed.why)}`);
  return undefined;
}

interface ShowArgs {
  readonly id: string;
  readonly headers?: boolean | undefined;
  readonly body?: boolean | undefined;
  readonly raw?: boolean | undefined;
}

async function show(context: Context, args: CommonArgs & ShowArgs): Promise<number> {
  const selector = await selectorOf(context, { ...args, id: [args.id], limit: undefined });
  if (!selector) return EX.USAGE;
  const part: ShowPart = args.raw ? 'raw' : args.body ? 'body' : args.headers ? 'headers' : 'all';
  return withQueue(context, args, ({ config, live }) =>
    showMessage({ context, config, live, selector, part, json: args.json }),
  );
}

/** `queue trace` and `mailfarm trace`; `name` is which of them. */
export function runTrace(context: Context, args: CommonArgs, id: string, name: string): Promise<number> {
  return withQueue(
    context,
    args,
    ({ config, live }) => traceMessage({ context, config, live, id, json: args.json, name }),
    name,
  );
}

/** Enters var and reads the settings; trouble with either is told, as is what the disk refuses. */
async function withQueue(
  context: Context,
  args: CommonArgs,
  work: (opened: Opened) => Promise<number>,
  name = 'queue',
): Promise<number> {
  const places = resolvePlaces(args, context);
  const noEntry = enterVar(places);
  if (noEntry !== undefined) {
    await context.err.line(`${name}: ${noEntry.why}`);
    return noEntry.status;
  }
  try {
    const settings = await loadSettings(places);
    if (!settings.ok) {
      await context.err.line(settings.why);
      return EX.CONFIG;
    }
    becomeOwner();
    return await work(settings);
  } catch (error) {
    const barred = errorCode(error) === 'EACCES' || errorCode(error) === 'EPERM';
    const why = barred ? `the queue in ${places.var} is closed to this user; use its owner, or root` : errorText(error);
    await context.err.line(`${name}: ${oneLine(why)}`);
    return barred ? EX.NOPERM : EX.TEMPFAIL;
  }
}
