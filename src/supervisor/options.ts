/** The command line of mailfarmd. Pure: main.ts hands over arguments and environment. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { errorText } from '../base/text.ts';
import type { DrainGoal } from './drain.ts';

export interface Options {
  /** Absent: etc/ beside the code. */
  readonly etcDir?: string;
  /** Absolute. */
  readonly varDir: string;
  readonly set: readonly string[];
  readonly check: boolean;
  /** Absent: a farm that stays. */
  readonly drain?: DrainGoal;
  readonly help: boolean;
  readonly version: boolean;
}

export const USAGE = `usage: mailfarmd [--etc DIR] [--var DIR] [--set KEY=VALUE]... [--check] [--drain[=all]]

Runs the farm in the foreground until SIGTERM or Ctrl-C. SIGHUP reads the configuration again.

  --etc DIR          configuration: mailfarm.yaml, farms.yaml (default: MAILFARM_ETC, else etc/ beside bin/)
  --var DIR          queue, mail, log, sockets (default: MAILFARM_VAR, else var/ beside bin/)
  --set KEY=VALUE    set a key of the configuration, as --set farms.acceptor.most=4; may be repeated
  --check            read the configuration, print ok or what is wrong, and exit
  --drain            take no mail in; try what is due once, and exit: what has to wait after that stays in the queue.
                     Exit at once when another instance runs. As often as you like, from cron for instance
  --drain=all        the same, but wait for deferred mail, which is tried at its own times, until the queue is empty
  --help, --version

MAILFARM_ETC and MAILFARM_VAR may also stand in /etc/default/mailfarm, for all commands of this machine.
Prints a line that begins with "mailfarmd: ready" when every farm accepts work.
Prints one that begins with "mailfarmd: drained" at the end of a drain, and says how many messages wait or are held.
Exit status: 0 stopped or drained, 64 wrong usage, 69 an address is in use, 70 a fault in mailfarmd, 73 cannot make a
directory, 75 another instance runs on that var (a drain: 0), or a drain that gets nowhere, 77 no permission, 78 wrong
configuration.
`;

/** The options, or what is wrong with the arguments. */
export function parseOptions(args: readonly string[], env: NodeJS.ProcessEnv, codeRoot: string): Options | string {
  try {
    const { values } = parseArgs({
      // parseArgs() knows no option whose value may be left out.
      args: args.map((arg) => (arg === '--drain' ? '--drain=due' : arg)),
      options: {
        etc: { type: 'string' },
        var: { type: 'string' },
        set: { type: 'string', multiple: true },
        check: { type: 'boolean' },
        drain: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
      },
    });
    // An empty variable is a variable that somebody meant to unset.
    const { drain } = values;
    if (drain !== undefined && drain !== 'due' && drain !== 'all') return '--drain stands alone, or is --drain=all';
    const etcDir = values.etc ?? (env['MAILFARM_ETC'] || undefined);
    return {
      ...(etcDir === undefined ? {} : { etcDir: path.resolve(etcDir) }),
      varDir: path.resolve(values.var ?? (env['MAILFARM_VAR'] || path.join(codeRoot, 'var'))),
      set: values.set ?? [],
      check: values.check ?? false,
      ...(drain === undefined ? {} : { drain }),
      help: values.help ?? false,
      version: values.version ?? false,
    };
  } catch (error) {
    return errorText(error).split('\n')[0] ?? '';
  }
}
