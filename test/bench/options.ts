/** The command line of the benchmark. Pure: main.ts hands over the arguments. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LEAST_BYTES } from './content.ts';
import type { BenchPlan } from './farm-run.ts';

export interface Options {
  readonly plan: BenchPlan;
  readonly json: boolean;
  readonly save: boolean;
}

export const USAGE = `usage: npm run bench -- [--size 1k] [--sessions 20] [--messages 20000] [--runs 3] ...

Sends mail through a farm of its own to a sink that counts, and prints what it took.

  --size BYTES       of one message, as 1k, 10k, 200k (default 1k; ${LEAST_BYTES} at least)
  --sessions N       parallel sessions of the load generator (default 20)
  --messages N       per run (default 20000)
  --runs N           after a warm-up (default 3)
  --filters          mail passes the shipped filter
  --quick            3000 messages a run, idle for 3 s: under two minutes
  --set KEY=VALUE    a setting of the farm, as --set farms.acceptor.workers=2; may be repeated
  --idle SECONDS     for which the idle farm is watched (default 10)
  --timeout SECONDS  for one run (default 180)
  --dir DIR          where the farm's files go (default: the first of TMPDIR, /var/tmp, var/ that is a disk)
  --profile DIR      CPU profiles of all processes of the farm to DIR, and their top functions (costs some CPU itself)
  --json             figures as one JSON object
  --save             the report also to test/bench/results/DATE.md
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
  const messages = parseCount('messages', values.messages, values.quick ? 3000 : 20_000);
  const plan: BenchPlan = {
    size: parseCount('size', values.size, 1024, LEAST_BYTES),
    sessions: parseCount('sessions', values.sessions, 20),
    messages,
    runs: parseCount('runs', values.runs, 3),
    // Enough for the compiler of every process to see its hot loops.
    warmUp: Math.min(messages, 5000),
    idleSeconds: parseCount('idle', values.idle, values.quick ? 3 : 10, 0),
    filters: values.filters,
    runSeconds: parseCount('timeout', values.timeout, values.quick ? 25 : 180),
    set: values.set ?? [],
    ...(values.dir === undefined ? {} : { folder: resolve(values.dir) }),
    ...(values.profile === undefined ? {} : { profile: resolve(values.profile) }),
  };
  return { plan, json: values.json, save: values.save };
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
