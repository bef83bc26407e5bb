/**
 * mailfarm stop: asks the farm to stop, and waits until it has. The lock on var tells: it is free only when supervisor and
 * workers are all gone, and then var may be copied, or the next farm started.
 */
import { closeSync } from 'node:fs';
import { pause } from '../../base/deadline.ts';
import { EX } from '../../base/sysexits.ts';
import { errorText } from '../../base/text.ts';
import type { Config } from '../../config/config.ts';
import { takeLock, type Locked } from '../../process/lock.ts';
import type { Context } from '../common/context.ts';
import { becomeOwner } from '../common/places.ts';
import { isLive } from '../common/settings.ts';

export interface StopOptions {
  readonly context: Context;
  readonly json: boolean;
  readonly var: string;
  /** How long the farm may take, in ms. */
  readonly limitMs: number;
}

/** What the supervisor itself adds to the longest drain before it kills, and a little more to end. */
const SLACK_MS = 15_000;
/** Where the configuration cannot be read. */
const UNKNOWN_MS = 60_000;
const POLL_MS = 200;

/** The longest that an orderly stop takes. */
export function longestStop(config: Config | undefined): number {
  if (config === undefined) return UNKNOWN_MS;
  return Math.max(...Object.values(config.farms).map((farm) => farm.drain)) + SLACK_MS;
}

/** Call it within var, after the farm was asked. */
export async function waitForStop({ context, json, var: place, limitMs }: StopOptions): Promise<number> {
  const seconds = Math.ceil(limitMs / 1000);
  const waiting = `the farm finishes what it holds; waiting for the lock on ${place}, ${seconds} seconds at most`;
  if (!json) await context.out.line(waiting);
  becomeOwner();
  const why = await untilUnlocked(performance.now() + limitMs);
  if (why === undefined) {
    await (json ? context.out.json({ ok: true, stopped: true }) : context.out.line('stopped'));
    return EX.OK;
  }
  if (json) await context.out.json({ ok: false, why });
  await context.err.line(`mailfarm: ${why}`);
  return EX.TEMPFAIL;
}

/** Undefined when the farm that was asked is gone, else why that is not known. */
async function untilUnlocked(until: number): Promise<string | undefined> {
  let asked: number | undefined;
  for (;;) {
    const lock = await tryLock();
    if (lock.kind === 'unable') return `whether it has stopped is not known: ${lock.why}`;
    if (lock.kind === 'locked') {
      closeSync(lock.fd);
      // Somebody may have removed the file that the farm has its lock on: then ours is another one.
      if (!(await isLive())) return undefined;
    } else {
      asked ??= lock.pid;
      // The next one was started meanwhile.
      if (lock.pid !== asked) return undefined;
    }
    if (performance.now() >= until) return 'the farm still finishes what it holds';
    await pause(POLL_MS);
  }
}

async function tryLock(): Promise<Locked> {
  try {
    return await takeLock('lock', { waitMs: 0 });
  } catch (error) {
    return { kind: 'unable', why: errorText(error) };
  }
}
