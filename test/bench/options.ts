/** The command line of the benchmark. Pure: main.ts hands over the arguments. */
import { accessSync, constants } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LEAST_BYTES } from './content.ts';
import type { FairnessPlan } from './fairness.ts';
import type { BenchPlan } from './farm-run.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';

/** What is measured: Mailfarm and its peers, Mailfarm alone, how its cost grows, what a slow disk costs, or one tenant another. */
export type Mode = 'compare' | 'farm' | 'growth' | 'slow-disk' | 'fairness';

export interface Options {
  readonly mode: Mode;
  /** Of Mailfarm alone. */
  readonly plan: BenchPlan;
  readonly compare: CompareOptions;
  readonly fairness: FairnessPlan;
  /** Growth with a queue of a million, too. */
  readonly million: boolean;
  readonly json: boolean;
  readonly save: boolean;
}

export interface CompareOptions {
  readonly quick: boolean;
  /** Names of peers; undefined: all that are here. */
  readonly only?: readonly string[];
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
  readonly runSeconds: number;
  /** After so long no further round begins. */
  readonly budgetSeconds: number;
  readonly haraka?: string;
  readonly opensmtpd?: string;
  /** Another checkout of Mailfarm. */
  readonly other?: string;
  readonly warmUpSeconds: number;
  readonly folder?: string;
}

const WORK_NAMES = SCENARIOS.map(({ name }) => name);
const PEER_NAMES = ['mailfarm', 'other', 'postfix', 'haraka', 'opensmtpd'] as const;

export const USAGE = `usage: npm run bench -- [--quick] [--only PEER,...] [--size 1k] [--sessions 20] ...

Sends mail through servers of its own to a sink that counts, and prints what it took. Without options: Mailfarm beside
Postfix, Haraka and OpenSMTPD, where they are here, at all works (some 45 minutes).

  --quick            the main works beside Postfix alone, fewer messages: under two minutes
  --only PEERS       of ${PEER_NAMES.join(', ')}; mailfarm alone is looked at more closely
  --works NAMES      of ${WORK_NAMES.join(', ')}
  --haraka DIR       where Haraka is: npm install --no-save --prefix DIR Haraka
  --opensmtpd DIR    where OpenSMTPD is: apt-get download opensmtpd && dpkg -x opensmtpd_*.deb DIR
  --other DIR        Mailfarm of another checkout, where npm ci was run: two versions in one run (--only mailfarm,other)
  --warm-up SECONDS  for which each server has mail before its first run (default 20; with --quick 2)
  --runs N           rounds, or runs after a warm-up (default 3)
  --size BYTES       of one message, as 1k, 10k, 200k: one relay work of your own (default 1k; ${LEAST_BYTES} at least)
  --sessions N       parallel sessions of it (default 20)
  --messages N       of a run of it (default 20000), or of the --works named

Mailfarm alone (--only mailfarm; each of --filters, --set, --profile means it, too):

  --filters          mail passes the shipped filter
  --set KEY=VALUE    a setting of the farm, as --set farms.acceptor.workers=2; may be repeated
  --profile DIR      CPU profiles of all processes of the farm to DIR, and their top functions (costs some CPU itself)
  --idle SECONDS     for which the idle farm is watched (default 10)
  --growth           how cost grows with queue length, sessions, size and workers (with --million: 10^6 waiting, too)
  --slow-disk        what is left of the speed when each sync takes 5 ms longer
  --fairness         how long a tenant's mail takes while another one has 50,000 messages in the queue

  --timeout SECONDS  for one run (default 300; with --quick 25)
  --dir DIR          where the files of the servers go (default: the first of TMPDIR, /var/tmp, var/ that is a disk)
  --json             figures as one JSON object
  --save             the report also to test/bench/results/DATE.md, with a plot
`;

const FLAG = { type: 'boolean', default: false } as const;
const VALUE = { type: 'string' } as const;
const OPTIONS = {
  size: VALUE,
  sessions: VALUE,
  messages: VALUE,
  runs: VALUE,
  idle: VALUE,
  timeout: VALUE,
  dir: VALUE,
  profile: VALUE,
  set: { type: 'string', multiple: true },
  only: VALUE,
  works: VALUE,
  haraka: VALUE,
  opensmtpd: VALUE,
  other: VALUE,
  'warm-up': VALUE,
  growth: FLAG,
  million: FLAG,
  'slow-disk': FLAG,
  fairness: FLAG,
  filters: FLAG,
  quick: FLAG,
  json: FLAG,
  save: FLAG,
  help: FLAG,
} as const;

/** The options; throws what is wrong with the arguments, or the usage when it is asked for. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) throw new Error(USAGE);
  const mode = modeOf(values);
  checkOther(values, mode);
  return {
    mode,
    plan: farmPlan(values, mode),
    compare: compareOptions(values),
    fairness: fairnessPlan(values),
    million: values.million,
    json: values.json,
    save: values.save,
  };
}

/** Nobody should wait for a comparison that does not take place. */
function checkOther({ other, only, quick }: Values, mode: Mode): void {
  if (other === undefined) {
    if (only?.split(',').includes('other')) throw new Error('--only other: say where it is, with --other DIR');
    return;
  }
  const takesPart = mode === 'compare' && (only?.split(',').includes('other') ?? !quick);
  if (!takesPart)
    throw new Error('--other: takes part in the comparison only, with --only mailfarm,other for instance');
  const bin = join(resolve(other), 'bin/mailfarmd');
  try {
    accessSync(bin, constants.X_OK);
  } catch {
    throw new Error(`--other: a checkout where npm ci was run was expected, but ${bin} cannot be run`);
  }
}

type Values = ReturnType<typeof parseArgs<{ readonly options: typeof OPTIONS }>>['values'];

function modeOf(values: Values): Mode {
  if (values.growth || values.million) return 'growth';
  if (values['slow-disk']) return 'slow-disk';
  if (values.fairness) return 'fairness';
  const alone = values.only === 'mailfarm' && values.works === undefined;
  return alone || values.filters || values.set !== undefined || values.profile !== undefined ? 'farm' : 'compare';
}

function farmPlan(values: Values, mode: Mode): BenchPlan {
  const usual = mode === 'growth' ? 5000 : 20_000;
  const messages = parseCount('messages', values.messages, values.quick ? 3000 : usual);
  return {
    size: parseCount('size', values.size, 1024, LEAST_BYTES),
    sessions: parseCount('sessions', values.sessions, 20),
    messages,
    runs: parseCount('runs', values.runs, 3),
    warmUpSeconds: warmUpSecondsOf(values),
    idleSeconds: parseCount('idle', values.idle, values.quick ? 3 : 10, 0),
    filters: values.filters,
    runSeconds: runSecondsOf(values),
    set: values.set ?? [],
    ...(values.dir === undefined ? {} : { folder: resolve(values.dir) }),
    ...(values.profile === undefined ? {} : { profile: resolve(values.profile) }),
  };
}

function fairnessPlan(values: Values): FairnessPlan {
  return {
    messages: parseCount('messages', values.messages, values.quick ? 5000 : 50_000),
    sessions: parseCount('sessions', values.sessions, 20),
    probes: values.quick ? 20 : 100,
    delayMs: 100,
    ...(values.dir === undefined ? {} : { folder: resolve(values.dir) }),
  };
}

function compareOptions(values: Values): CompareOptions {
  const only = values.quick && values.only === undefined ? 'mailfarm,postfix' : values.only;
  const own = values.size ?? values.sessions ?? (values.works === undefined ? values.messages : undefined);
  return {
    quick: values.quick,
    ...(only === undefined ? {} : { only: names('only', only, PEER_NAMES) }),
    scenarios: own === undefined ? chosenScenarios(values) : [ownScenario(values)],
    rounds: parseCount('runs', values.runs, 3),
    runSeconds: runSecondsOf(values),
    budgetSeconds: values.quick ? QUICK_SECONDS : Infinity,
    warmUpSeconds: warmUpSecondsOf(values),
    ...(values.haraka === undefined ? {} : { haraka: resolve(values.haraka) }),
    ...(values.opensmtpd === undefined ? {} : { opensmtpd: resolve(values.opensmtpd) }),
    ...(values.other === undefined ? {} : { other: resolve(values.other) }),
    ...(values.dir === undefined ? {} : { folder: resolve(values.dir) }),
  };
}

/** A round of --quick that begins by then is done within two minutes, on a machine that is not busy otherwise. */
const QUICK_SECONDS = 80;

function warmUpSecondsOf(values: Values): number {
  return parseCount('warm-up', values['warm-up'], values.quick ? 2 : 20, 0);
}

function runSecondsOf(values: Values): number {
  return parseCount('timeout', values.timeout, values.quick ? 25 : 300);
}

function chosenScenarios({ quick, works, messages }: Values): Scenario[] {
  const chosen = works === undefined ? undefined : names('works', works, WORK_NAMES);
  const wanted = SCENARIOS.filter(({ name, quickMessages }) => chosen?.includes(name) ?? (!quick || quickMessages > 0));
  return wanted.map((scenario) => {
    const usual = quick && scenario.quickMessages > 0 ? scenario.quickMessages : scenario.messages;
    return { ...scenario, messages: parseCount('messages', messages, usual) };
  });
}

/** Of the command line, without a target. */
function ownScenario(values: Values): Scenario {
  const size = parseCount('size', values.size, 1024, LEAST_BYTES);
  const sessions = parseCount('sessions', values.sessions, 20);
  const messages = parseCount('messages', values.messages, values.quick ? 3000 : 20_000);
  const title = `relay, ${size} bytes, ${sessions} sessions`;
  return {
    name: 'own',
    title,
    work: 'relay',
    size,
    sessions,
    idleSessions: 0,
    messages,
    quickMessages: messages,
    targets: [],
  };
}

function names(option: string, text: string, known: readonly string[]): string[] {
  const given = text.split(',');
  const wrong = given.find((name) => !known.includes(name));
  if (wrong !== undefined) throw new Error(`--${option}: one of ${known.join(', ')} was expected: ${wrong}`);
  return given;
}

/** What a run was, in a line. */
export function describePlan({ size, sessions, messages, runs, filters, set }: BenchPlan): string {
  const extra = set.length === 0 ? '' : `, ${set.join(' ')}`;
  return (
    `${runs} runs of ${messages} messages of ${size} bytes, ${sessions} sessions` +
    `${filters ? ', filtered' : ''}, relayed to a local sink, ${availableParallelism()} cores${extra}`
  );
}

function parseCount(name: string, text: string | undefined, otherwise: number, least = 1): number {
  if (text === undefined) return otherwise;
  const match = /^(\d+)([km]?)$/i.exec(text);
  const unit = { k: 1024, m: 1024 * 1024 }[match?.[2]?.toLowerCase() ?? ''] ?? 1;
  const count = Number(match?.[1]) * unit;
  if (match === null || count < least) throw new Error(`--${name}: a number of ${least} or more was expected: ${text}`);
  return count;
}
