/** How a message ended that is in no queue any more: told from the lines that the log has of it. */
import { oneLine } from '../../base/text.ts';
import { formatTime, isoTime } from '../common/units.ts';
import { readLogLines } from './log-lines.ts';
import { replyWords } from './recipient-tests.ts';
import type { Advice } from './why-words.ts';

export interface Ended {
  readonly text: string;
  readonly json: Record<string, unknown>;
  readonly advice: readonly Advice[];
}

/** Recipients that are told of one by one. */
const NAMED = 20;

type Line = Readonly<Record<string, unknown>>;

/** Undefined when the log knows nothing of it. Call it within var. */
export async function howItEnded(id: string): Promise<Ended | undefined> {
  const { lines } = await readLogLines(id);
  const own = lines.map(({ text }) => JSON.parse(text) as Line).filter((line) => line['id'] === id);
  const last = own.at(-1);
  if (!last) return undefined;
  const removed = own.findLast(({ event }) => event === 'removed');
  const purged = own.findLast(({ event }) => event === 'purged');
  const ends = endsOf(own);
  const told = ends.slice(0, NAMED).map(({ words }) => words);
  const more = ends.length > NAMED ? `, and ${ends.length - NAMED} more` : '';
  const what = told.length > 0 ? ` ${told.join('; ')}${more}.` : '';
  const at = timeOf(removed ?? purged ?? last);
  const how = removed
    ? `It is finished and left the queue at ${formatTime(at)}.`
    : purged
      ? `It was in the deleted queue for its time, and was removed for good at ${formatTime(at)}.`
      : `It is in the queue no more; the last that the log tells is “${oneLine(String(last['event']))}”, at ${formatTime(at)}.`;
  const cause = removed ? 'finished' : purged ? 'purged' : 'gone';
  return {
    text: `${id}: ${how}${what}`,
    json: { id, cause, at: isoTime(at), ends: ends.map(({ to, state, reply }) => ({ to, state, reply })) },
    advice: [{ command: `queue trace ${id}`, does: 'shows every step it took' }],
  };
}

interface End {
  readonly to: string;
  readonly state: string;
  readonly reply: string;
  readonly words: string;
}

/** The last that is known of each recipient. */
function endsOf(lines: readonly Line[]): readonly End[] {
  const ends = new Map<string, End>();
  for (const line of lines) {
    if (line['event'] !== 'attempt' && line['event'] !== 'bounced') continue;
    const { to, state } = line;
    if (!Array.isArray(to) || typeof state !== 'string' || state === 'warned') continue;
    const reply = wordsOf(line);
    const by = typeof line['remote'] === 'string' ? ` by ${oneLine(line['remote'], 200)}` : '';
    for (const address of to.map((one) => oneLine(String(one), 200))) {
      // The report of a failure says nothing new of why.
      const reported = line['event'] === 'bounced' ? ends.get(address)?.words : undefined;
      const words = reported
        ? `${reported}, ${state === 'bounced' ? 'which its sender was told' : 'and nobody was told of it'}`
        : `${address} was ${state}${by} at ${formatTime(timeOf(line))}${reply === '' ? '' : ` (“${reply}”)`}`;
      ends.set(address, { to: address, state, reply, words });
    }
  }
  return [...ends.values()];
}

function wordsOf({ code, status, reply }: Line): string {
  if (typeof code !== 'number' || typeof reply !== 'string') return '';
  return oneLine(replyWords({ code, status: String(status), text: reply }), 300);
}

function timeOf(line: Line): number {
  return Date.parse(String(line['time']));
}
