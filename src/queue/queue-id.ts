/**
 * Queue ids: 19 characters of Crockford's base 32 in lower case. 9 say the time in ms, 7 the process (random at its
 * start), 3 count within the process. So ids sort by time, are unique over hosts and restarts, and are not bound to an inode.
 *
 * An id names no path until isQueueId() said yes to it.
 */
import { randomInt } from 'node:crypto';
import type { QueueId } from './store.ts';

const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';
const SHAPE = /^[0-9a-hjkmnp-tv-z]{19}$/;
const TIME_DIGITS = 9;
const PROCESS_DIGITS = 7;
const COUNT_DIGITS = 3;
const COUNT_LIMIT = 32 ** COUNT_DIGITS;

export function isQueueId(text: string): text is QueueId {
  return SHAPE.test(text);
}

/** A source of ids for this process. Ids of one source ascend, also when the clock steps back. */
export function createIdSource(now: () => number = Date.now): () => QueueId {
  const self = encode(randomInt(2 ** 35), PROCESS_DIGITS);
  let time = 0;
  let timeText = '';
  let count = 0;
  return () => {
    const present = now();
    if (present > time) {
      time = present;
      timeText = encode(time, TIME_DIGITS);
      count = 0;
    } else if (count === COUNT_LIMIT) {
      time += 1;
      timeText = encode(time, TIME_DIGITS);
      count = 0;
    }
    count += 1;
    return (timeText + self + encode(count - 1, COUNT_DIGITS)) as QueueId;
  };
}

/** When the id was made, in ms since 1970. */
export function timeOfId(id: string): number {
  let time = 0;
  for (const digit of id.slice(0, TIME_DIGITS)) time = time * 32 + DIGITS.indexOf(digit);
  return time;
}

/** No id that was made at that time or later (ms since 1970) sorts before this text. */
export function firstIdAt(time: number): string {
  return encode(Math.max(0, Math.floor(time)), TIME_DIGITS);
}

/** Which process made an id: the same text for all of its ids, and for the names of its segments. */
export function makerOf(id: string): string {
  return id.slice(TIME_DIGITS, TIME_DIGITS + PROCESS_DIGITS);
}

/** FNV-1a over the characters of an id: below 2³², and ids of one moment spread evenly. */
export function hashOfId(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i += 1) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The hash bucket of an id. */
export function bucketOf(id: QueueId, split: number): number {
  return hashOfId(id) % split;
}

function encode(value: number, digits: number): string {
  let text = '';
  let rest = value;
  for (let i = 0; i < digits; i += 1) {
    text = DIGITS[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}
