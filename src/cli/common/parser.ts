/**
 * The command line of a command with verbs: what every one of them shares. Reading it runs nothing; the chosen verb
 * runs afterwards, so that help, wrong usage and completion never touch a farm.
 */
import yargs from 'yargs';
import type { Argv } from 'yargs';
import { EX } from '../../base/sysexits.ts';
import { errorText, oneLine } from '../../base/text.ts';
import { completionScript } from './completion.ts';
import type { Context } from './context.ts';
import { packageVersion } from './version.ts';

/** Options that all verbs of all commands have. */
export interface CommonArgs {
  readonly etc?: string | undefined;
  readonly var?: string | undefined;
  readonly json: boolean;
}

export type Parser = Argv<CommonArgs>;

/** What a verb will do; remembered while the line is read. */
export type Choose = (run: () => Promise<number>) => void;

export interface CommandLine {
  readonly name: string;
  readonly context: Context;
  /** Options that may stand more than once on the line. */
  readonly repeatable?: readonly string[];
  /** What must stand behind a verb, in words: `a farm and a size`. */
  readonly needs?: Readonly<Record<string, string>>;
  /** Adds the verbs. */
  readonly verbs: (parser: Parser, choose: Choose) => Parser;
}

const EXIT_HELP = `Exit status: 0 done, 64 wrong usage, 66 no such message, 69 no farm runs or it refused, 75 try again later, 77 not permitted, 78 the configuration is wrong.`;

/** Reads the line and runs what it asks for. Resolves with the exit status. */
export async function runCommandLine(line: CommandLine): Promise<number> {
  const { name, context } = line;
  let run: (() => Promise<number>) | undefined;
  let output = '';
  const choose: Choose = (work) => {
    run = work;
  };
  try {
    const parser = addCompletion(line.verbs(createParser(line), choose), line, choose);
    void parser.parse([...context.argv], (_error: unknown, _args: unknown, text: string) => {
      output = text;
    });
  } catch (error) {
    await context.err.line(`${name}: ${oneLine(inWords(errorText(error), line))}`);
    await context.err.line(`try ${name} --help`);
    return EX.USAGE;
  }
  if (output !== '') await context.out.line(output);
  return (await run?.()) ?? EX.OK;
}

/** What yargs says, in the words of this house. */
function inWords(text: string, { context, needs = {} }: CommandLine): string {
  const verb = firstWord(context.argv);
  const meant = /^Did you mean (\S+)\?$/.exec(text)?.[1];
  if (meant !== undefined) return `there is no verb ${verb}; did you mean ${meant}?`;
  if (text === `Unknown argument: ${verb}` || text === `Unknown command: ${verb}`) return `there is no verb ${verb}`;
  const all: Readonly<Record<string, string>> = { completion: 'a shell: bash or zsh', ...needs };
  if (text.startsWith('Not enough non-option arguments') && verb !== '' && Object.hasOwn(all, verb)) {
    return `${verb} needs ${all[verb]}`;
  }
  return inOneLine(text);
}

/** The first word that is neither an option nor the value of one that stands before the verb. */
function firstWord(argv: readonly string[]): string {
  const at = argv.findIndex((word, i) => !word.startsWith('-') && !['--etc', '--var'].includes(argv[i - 1] ?? ''));
  return argv[at] ?? '';
}

/** What yargs says of a value in many lines: `Invalid values:\n  Argument: state, Given: "x", Choices: "held", "failed"`. */
function inOneLine(text: string): string {
  const [, argument, given, choices] = /Argument: (\S+), Given: (.*), Choices: (.*)$/m.exec(text) ?? [];
  if (argument === undefined) return text;
  return `${argument}: expected one of ${(choices ?? '').replaceAll('"', '')}, got ${given}`;
}

/** An option given twice reaches the verb as a list, where it expects one value. */
function refuseRepeated(args: Readonly<Record<string, unknown>>, repeatable: readonly string[]): true {
  const twice = Object.keys(args).find((key) => key !== '_' && Array.isArray(args[key]) && !repeatable.includes(key));
  if (twice !== undefined) throw new Error(`--${twice} is given more than once`);
  return true;
}

function createParser({ name, context, repeatable = [] }: CommandLine): Parser {
  const width = context.out.columns ?? 100;
  return yargs([...context.argv])
    .scriptName(name)
    .locale('en')
    .strict()
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message: string, error: Error | undefined) => {
      throw error ?? new Error(message);
    })
    .recommendCommands()
    .demandCommand(1, 'name what to do')
    .check((args) => refuseRepeated(args, repeatable), true)
    .wrap(Math.max(60, Math.min(width, 110)))
    .parserConfiguration({ 'parse-numbers': false })
    .options({
      etc: { type: 'string', requiresArg: true, describe: 'Configuration of the farm (or MAILFARM_ETC)' },
      var: { type: 'string', requiresArg: true, describe: 'Working directory of the farm (or MAILFARM_VAR)' },
      json: { type: 'boolean', default: false, describe: 'Print one JSON object a line' },
    })
    .version(packageVersion())
    .help()
    .alias('help', 'h')
    .epilogue(EXIT_HELP) as Parser;
}

/** `completion bash|zsh`, and the hidden question that the script asks for each word. */
function addCompletion(parser: Parser, line: CommandLine, choose: Choose): Parser {
  return parser.completion('completion-words', false).command(
    'completion <shell>',
    'Print a completion script for bash or zsh',
    (verb) =>
      verb
        .positional('shell', { choices: ['bash', 'zsh'] as const, demandOption: true })
        .example(`source <(${line.name} completion bash)`, 'complete in this shell; keep it in ~/.bashrc'),
    ({ shell }) =>
      choose(async () => {
        await line.context.out.write(completionScript(shell, line.name));
        return EX.OK;
      }),
  ) as Parser;
}
