/**
 * A log line for human eyes: `12:01:33 acceptor-1 received 01abc… from=<a@b> to=<c@d> size=1234`.
 *
 * What comes from outside can't move the cursor, colour the screen or forge a line: every value is escaped.
 */
import { oneLine } from '../base/text.ts';

const COLOURS: Readonly<Record<string, string>> = { debug: '2', warn: '33', error: '31' };

/** Fields that hold addresses, and the names under which they read best. */
const ADDRESSES: ReadonlyMap<string, string> = new Map([
  ['sender', 'from'],
  ['recipients', 'to'],
  ['to', 'to'],
]);

/** Fields that hold a time of day in milliseconds since 1970. */
const TIMES: ReadonlySet<string> = new Set(['until', 'since']);

/** Of a list, this many entries are shown. */
const SHOWN = 3;

/** The plain form of one JSON line, without a newline. A line that is no JSON object comes back cleaned. */
export function formatPlain(line: string, options: { readonly colour: boolean }): string {
  const record = parseObject(line);
  if (record === undefined) return oneLine(line);
  const { time, level, farm, worker, event, id, ...rest } = record;
  const what = [asText(event), id === undefined ? '' : asText(id)].filter((word) => word !== '').join(' ');
  const marked = level === 'warn' || level === 'error' ? `${level}: ${what}` : what;
  const words = [clock(time), asText(worker ?? farm ?? '-'), paint(marked, asText(level), options.colour)];
  // Of which farm the supervisor speaks; the names of other workers begin with theirs.
  if (worker === 'supervisor' && farm !== 'supervisor' && farm !== undefined) words.push(`farm=${show('farm', farm)}`);
  for (const [key, value] of Object.entries(rest)) {
    if (!isEmpty(key, value)) words.push(`${shownName(key, value)}=${show(key, value)}`);
  }
  return words.join(' ');
}

/** Nothing to tell. The null sender is a value of its own. */
function isEmpty(key: string, value: unknown): boolean {
  return value === null || (value === '' && !ADDRESSES.has(key)) || (Array.isArray(value) && value.length === 0);
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    // Not JSON: the caller shows it as it is, cleaned.
    return undefined;
  }
}

/** HH:MM:SS of this machine's time zone. */
function clock(time: unknown): string {
  const at = new Date(typeof time === 'string' || typeof time === 'number' ? time : NaN);
  if (Number.isNaN(at.getTime())) return '--:--:--';
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');
}

function shownName(key: string, value: unknown): string {
  // A number of recipients is no address.
  return (typeof value === 'number' ? undefined : ADDRESSES.get(key)) ?? oneLine(key, 50);
}

function show(key: string, value: unknown): string {
  if (Array.isArray(value)) {
    const more = value.length > SHOWN ? `,+${value.length - SHOWN}` : '';
    return (
      value
        .slice(0, SHOWN)
        .map((entry) => show(key, entry))
        .join(',') + more
    );
  }
  if (TIMES.has(key) && typeof value === 'number') return isoTime(value);
  if (typeof value === 'string' && ADDRESSES.has(key)) return `<${asText(value)}>`;
  // As the parts of a routed message: maildir:localhost/me:1
  const flat = typeof value === 'object' && value !== null ? Object.values(value).map(asText).join(':') : asText(value);
  return flat === '' || /[\s"=]/.test(flat) ? JSON.stringify(flat) : flat;
}

function isoTime(ms: number): string {
  const at = new Date(ms);
  return Number.isNaN(at.getTime()) ? asText(ms) : at.toISOString();
}

function asText(value: unknown): string {
  if (typeof value === 'string') return oneLine(value, 500);
  return oneLine(JSON.stringify(value) ?? '', 500);
}

function paint(text: string, level: string, colour: boolean): string {
  const code = COLOURS[level] ?? '1';
  return colour ? `\u001b[${code}m${text}\u001b[0m` : text;
}
