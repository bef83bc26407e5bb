/** What a drill is asked to do, read from the command line within limits that keep it a drill. */
import { oneLine } from '../../../base/text.ts';
import { FARM_NAMES, type FarmName } from '../../../config/config.ts';
import { parseDuration, parseSize } from '../../../config/units.ts';
import { KILL_SIGNALS, type KillSignal } from '../../../process/control.ts';
import type { CommonArgs } from '../../common/parser.ts';

/** As the command line gives them. */
export interface DrillArgs extends CommonArgs {
  readonly for: string;
  readonly rate: string;
  readonly messages?: string | undefined;
  readonly sessions: string;
  readonly kill?: string | undefined;
  readonly every: string;
  readonly signal: string;
  readonly size: string;
  readonly wait: string;
  readonly seed?: string | undefined;
  readonly yes: boolean;
}

export interface DrillPlan {
  /** Milliseconds of sending and killing. */
  readonly forMs: number;
  /** Messages a second. */
  readonly rate: number;
  /** Messages at most. */
  readonly messages: number;
  readonly sessions: number;
  /** Undefined: those that carry the drill's mail. */
  readonly farms: readonly FarmName[] | undefined;
  readonly everyMs: number;
  readonly signal: KillSignal;
  /** Bytes of a body. */
  readonly size: number;
  /** For what is under way when all is sent. */
  readonly waitMs: number;
  readonly seed: number;
}

export type ParsedPlan = { readonly ok: true; readonly plan: DrillPlan } | { readonly ok: false; readonly why: string };

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const MIB = 1024 * 1024;
const MOST_MESSAGES = 100_000;
/** More is load, and no drill. */
const MOST_BYTES_A_SECOND = 16 * MIB;

/** `why` is one sentence for the user. */
export function parsePlan(args: DrillArgs): ParsedPlan {
  try {
    return { ok: true, plan: readPlan(args) };
  } catch (error) {
    if (error instanceof OutOfRange) return { ok: false, why: oneLine(error.message) };
    throw error;
  }
}

class OutOfRange extends Error {
  override readonly name = 'OutOfRange';
}

function readPlan(args: DrillArgs): DrillPlan {
  const forMs = duration('for', args.for, [SECOND, 60 * MINUTE]);
  const rate = readRate(args.rate);
  const size = within('size', readSize(args.size), { range: [200, MIB], expected: '200 to 1M' });
  if (rate * size > MOST_BYTES_A_SECOND)
    throw new OutOfRange('--rate times --size: more than 16M a second is no drill');
  const most = Math.min(MOST_MESSAGES, Math.ceil((rate * forMs) / SECOND));
  return {
    forMs,
    rate,
    size,
    messages: args.messages === undefined ? most : Math.min(most, whole('messages', args.messages, MOST_MESSAGES)),
    sessions: whole('sessions', args.sessions, 50),
    farms: args.kill === undefined ? undefined : readFarms(args.kill),
    everyMs: duration('every', args.every, [SECOND / 2, 10 * MINUTE]),
    signal: readSignal(args.signal),
    waitMs: duration('wait', args.wait, [SECOND, 30 * MINUTE]),
    seed: args.seed === undefined ? Date.now() % 1_000_000 : whole('seed', args.seed, 2 ** 31),
  };
}

function duration(name: string, text: string, range: readonly [number, number]): number {
  const expected = `a time as 10s, from ${range[0] / SECOND}s to ${range[1] / SECOND}s`;
  return within(name, parseDuration(/^\d+$/.test(text) ? Number(text) : text), { range, expected });
}

function readRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:\/(s|m))?$/.exec(text);
  const rate = match === null ? undefined : Number(match[1]) / (match[2] === 'm' ? 60 : 1);
  return within('rate', rate, { range: [0.1, 500], expected: 'messages a second, as 20 or 20/s, from 0.1 to 500' });
}

function readSize(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  return parseSize(
    text.replace(/^([\d.]+)([kKM])$/, (_, digits: string, unit: string) => {
      return `${digits}${unit === 'M' ? 'MiB' : 'KiB'}`;
    }),
  );
}

function whole(name: string, text: string, most: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : undefined;
  return within(name, value, { range: [name === 'seed' ? 0 : 1, most], expected: `a whole number up to ${most}` });
}

function readSignal(text: string): KillSignal {
  const wanted = text.toUpperCase().replace(/^SIG/, '');
  const signal = KILL_SIGNALS.find((name) => name === wanted);
  if (signal === undefined) throw new OutOfRange(`--signal: expected ${KILL_SIGNALS.join(' or ')}`);
  return signal;
}

function readFarms(text: string): readonly FarmName[] {
  const names = text.split(',').map((name) => name.trim().toLowerCase());
  if (names.includes('supervisor')) {
    throw new OutOfRange('--kill: never the supervisor: nobody would start what dies after it; kill it by hand to see');
  }
  const unknown = names.find((name) => !FARM_NAMES.some((farm) => farm === name));
  if (unknown !== undefined) throw new OutOfRange(`--kill: ${unknown} is no farm; there are ${FARM_NAMES.join(', ')}`);
  return FARM_NAMES.filter((farm) => names.includes(farm));
}

interface Limit {
  readonly range: readonly [number, number];
  readonly expected: string;
}

function within(name: string, value: number | undefined, { range, expected }: Limit): number {
  if (value !== undefined && value >= range[0] && value <= range[1]) return value;
  throw new OutOfRange(`--${name}: expected ${expected}`);
}
