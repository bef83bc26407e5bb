/**
 * Everything before the first worker: configuration, user, directories, lock, sockets, files for the workers.
 * Each step that fails says what is wrong and what to do about it, and has its exit status. Root is given up by none
 * of them: every worker starts unprivileged instead.
 */
import net from 'node:net';
import path from 'node:path';
import { EX } from '../base/sysexits.ts';
import { errorCode, errorText } from '../base/text.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import { CONTROL_SOCKET } from '../process/control.ts';
import { takeLock } from '../process/lock.ts';
import { replaceFile } from '../process/replace-file.ts';
import { readAliases, writeAliases } from './alias-copy.ts';
import { nextGeneration } from './generation.ts';
import type { Options } from './options.ts';
import { chooseUser, whyUnreadable, type User } from './privileges.ts';
import { SocketTable } from './socket-table.ts';
import { prepareVar } from './spool.ts';
import { checkUser } from './user-checks.ts';

/** A start that ends before it begins; `lines` go to stderr. Status 0 is possible: `--drain` beside a running instance. */
export interface Refusal {
  readonly status: number;
  readonly lines: readonly string[];
}

export interface Prepared {
  readonly config: Config;
  readonly user: User | undefined;
  readonly lockFd: number;
  readonly sockets: SocketTable;
  readonly generation: string;
}

/** How long a start waits for the workers of a supervisor that died. */
const LOCK_MS = 30_000;
/** For the answer of another instance. */
const CONNECT_MS = 2000;
const CONFIG_FILE = 'run/config.json';

/** Reads the configuration; problems and warnings as lines of text. */
export async function load(
  options: Options,
): Promise<
  { readonly config: Config; readonly warnings: readonly string[] } | { readonly problems: readonly string[] }
> {
  const { etcDir, varDir, set } = options;
  const loaded = await loadConfig({ ...(etcDir === undefined ? {} : { etcDir }), varDir, set, also: checkUser });
  if (!loaded.ok) return { problems: loaded.problems.map(formatProblem) };
  return { config: loaded.config, warnings: loaded.warnings.map(formatProblem) };
}

/** Does it all. Changes the working directory to var. `say` tells of warnings and waits. */
export async function prepare(
  config: Config,
  options: Options,
  say: (line: string) => void,
): Promise<Prepared | Refusal> {
  const choice = chooseUser(config.user);
  if (!choice.ok) return { status: EX.CONFIG, lines: [`user: ${choice.why}`] };
  if (choice.warning !== undefined) say(choice.warning);
  const { user } = choice;
  const blocked = user && whyUnreadable(user, [import.meta.filename, process.execPath]);
  if (blocked !== undefined) return { status: EX.NOPERM, lines: [blocked] };
  const unfit = prepareVar(options.varDir, user);
  if (unfit !== undefined) return { status: EX.CANTCREAT, lines: [unfit] };
  process.chdir(options.varDir);
  const lockFd = await lock(options, user, say);
  if (typeof lockFd !== 'number') return lockFd;
  // Somebody may have removed the lock of a farm that runs: then ours is another file.
  if (await isAnswered(CONTROL_SOCKET)) return refuseUnlocked(options);
  const sockets = new SocketTable({ listen: options.drain === undefined, owner: user });
  const unbound = sockets.adopt(config);
  if (unbound !== undefined) {
    return { status: unbound.code === 'EACCES' ? EX.NOPERM : EX.UNAVAILABLE, lines: [unbound.text] };
  }
  const aliases = readAliases(config);
  if (aliases.text === undefined) return { status: EX.CONFIG, lines: aliases.problems };
  for (const problem of aliases.problems) say(problem);
  try {
    writeConfig(config, user, aliases);
    return { config, user, lockFd, sockets, generation: nextGeneration('run/generation', { owner: user }) };
  } catch (error) {
    return { status: EX.CANTCREAT, lines: [`${path.join(options.varDir, 'run')}: ${errorText(error)}`] };
  }
}

/** As load(), for a farm that runs: a mistake in the alias file is one more reason to keep what there is. */
export async function loadAgain(options: Options): ReturnType<typeof load> {
  const loaded = await load(options);
  if ('problems' in loaded) return loaded;
  const { problems } = readAliases(loaded.config);
  return problems.length > 0 ? { problems } : loaded;
}

/** Hands configuration and aliases to the workers, who read them as they start. Throws when that cannot be done. */
export function writeConfig(config: Config, user: User | undefined, aliases = readAliases(config)): void {
  if (aliases.text === undefined) throw new Error(aliases.problems.join(', '));
  writeAliases(aliases.text, user);
  replaceFile(CONFIG_FILE, `${JSON.stringify(config, undefined, 1)}\n`, user);
}

/** Where workers cache compiled code: ours where we share a user, else a place of their own. */
export function cacheOf(user: User | undefined): string | undefined {
  return user === undefined ? undefined : path.join('run', 'cache');
}

async function lock(options: Options, user: User | undefined, say: (line: string) => void): Promise<number | Refusal> {
  const onWait = (pid: number): void => say(`waiting for the last workers of the instance that was pid ${pid}`);
  try {
    const locked = await takeLock('lock', { waitMs: LOCK_MS, onWait, owner: user });
    if (locked.kind === 'locked') return locked.fd;
    if (locked.kind === 'unable') return { status: EX.UNAVAILABLE, lines: [locked.why] };
    return refuseSecond(locked.kind, locked.pid, options);
  } catch (error) {
    const status = errorCode(error) === 'EACCES' ? EX.NOPERM : EX.CANTCREAT;
    const file = path.join(options.varDir, 'lock');
    const remedy = status === EX.NOPERM && user ? `: chown ${user.name} ${file}` : '';
    return { status, lines: [`${file}: ${errorText(error)}${remedy}`] };
  }
}

/** Whether somebody listens there. */
function isAnswered(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const client = net.connect(socket);
    client.setTimeout(CONNECT_MS, () => client.destroy());
    client.once('connect', () => (resolve(true), client.destroy()));
    client.once('error', () => resolve(false));
    client.once('close', () => resolve(false));
  });
}

function refuseUnlocked({ varDir, drain }: Options): Refusal {
  const line = `another instance runs on ${varDir}, whose lock somebody removed: stop it before you start one (mailfarm status tells its pid)`;
  return { status: drain ? EX.OK : EX.TEMPFAIL, lines: [line] };
}

function refuseSecond(kind: 'running' | 'finishing', pid: number, options: Options): Refusal {
  if (kind === 'finishing') {
    return {
      status: EX.TEMPFAIL,
      lines: [`workers of the instance that was pid ${pid} still hold ${options.varDir}/lock`],
    };
  }
  const line = `another instance runs on ${options.varDir}: pid ${pid}`;
  return { status: options.drain ? EX.OK : EX.TEMPFAIL, lines: [line] };
}
