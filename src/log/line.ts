/**
 * One event as one line of JSON: `{"time","level","farm","worker","event",…fields}`.
 *
 * Several lines are built for every message, so the ordinary case is one JSON.stringify of the caller's flat
 * object behind a ready-made head. It never throws, whatever the fields hold, and no line is longer than
 * MAX_LINE characters: the log process cuts its clients' lines at 64 KiB.
 */
import { errorText, oneLine } from '../base/text.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';
export type Fields = Record<string, unknown>;

/** Longest line made here, in characters. Up to three bytes each still fit the log process's cap of 64 KiB. */
const MAX_LINE = 20_000;

/** Characters that are kept of each field of a line that is too long. */
const KEPT = 500;
const KEPT_FIELDS = 30;

/** Builds lines for one process; the returned text ends in a newline. */
export function lineBuilder(who: { readonly farm: string; readonly worker: string }) {
  const farm = `"farm":${JSON.stringify(who.farm)},`;
  const worker = `"worker":${JSON.stringify(who.worker)},`;
  const head = `${farm}${worker}"event":`;
  return function buildLine(level: Level, event: string, fields?: Fields): string {
    const start = `{"time":"${timestamp()}","level":"${level}",`;
    const rest = fields === undefined ? '{}' : fieldsText(fields);
    // Where the fields speak of another worker (the supervisor's do), theirs stand instead of ours.
    const named = fields !== undefined && ('farm' in fields || 'worker' in fields);
    const own = named ? `${'farm' in fields ? '' : farm}${'worker' in fields ? '' : worker}"event":` : head;
    const middle = own + JSON.stringify(event);
    return rest.length === 2 ? `${start}${middle}}\n` : `${start}${middle},${rest.slice(1)}\n`;
  };
}

let lastMs = 0;
let lastText = '';

/** Now, as in 2026-01-31T12:00:00.000Z; one text is made per millisecond. */
function timestamp(): string {
  const now = Date.now();
  if (now !== lastMs) {
    lastMs = now;
    lastText = new Date(now).toISOString();
  }
  return lastText;
}

function fieldsText(fields: Fields): string {
  if (!isPlain(fields)) return safeText(fields);
  try {
    const text = JSON.stringify(fields);
    return text.length > MAX_LINE ? safeText(fields) : text;
  } catch {
    // Cyclic, a BigInt inside, or a throwing toJSON: the slow way copes with them.
    return safeText(fields);
  }
}

/** No value that JSON.stringify would empty or refuse, and no key that the head holds already. */
function isPlain(fields: Fields): boolean {
  for (const key in fields) {
    const value = fields[key];
    if (typeof value === 'object' ? value instanceof Error : typeof value === 'bigint') return false;
    if (key === 'time' || key === 'level' || key === 'event' || key === 'toJSON') return false;
  }
  return true;
}

/** Field by field, each made text where it must be and cut; fields named as the line's own are left out. */
function safeText(fields: Fields): string {
  const kept: string[] = [];
  for (const [key, value] of Object.entries(fields)) {
    if (key === 'time' || key === 'level' || key === 'event') continue;
    if (kept.length === KEPT_FIELDS) break;
    const text = safeValue(value);
    if (text !== undefined) kept.push(`${JSON.stringify(oneLine(key, 100))}:${text}`);
  }
  return `{${kept.join(',')}}`;
}

function safeValue(value: unknown): string | undefined {
  try {
    if (value instanceof Error) return JSON.stringify(oneLine(errorText(value), KEPT));
    const text = typeof value === 'bigint' ? JSON.stringify(String(value)) : JSON.stringify(value);
    return text === undefined || text.length <= KEPT ? text : JSON.stringify(`${text.slice(0, KEPT - 1)}…`);
  } catch {
    // Nothing of it can be shown; that it was there is still worth a word.
    return '"(not printable)"';
  }
}
