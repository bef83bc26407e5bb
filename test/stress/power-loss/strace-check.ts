/** A second witness for one run: every call that strace(1) saw must be in the record. */
import { readFileSync } from 'node:fs';
import type { CallEvent } from './record.ts';

const CALLS = [
  'fsync',
  'fdatasync',
  'link',
  'linkat',
  'rename',
  'renameat',
  'renameat2',
  'unlink',
  'unlinkat',
  'mkdir',
];
const MORE = ['mkdirat', 'ftruncate', 'pwrite64', 'pwritev', 'write', 'writev'];

/** Put before mailfarmd. */
export function straceCommand(file: string): string[] {
  return [
    'strace',
    '-D',
    '-f',
    '-qq',
    '-y',
    '-A',
    '-s',
    '200',
    '-o',
    file,
    '-e',
    `trace=${[...CALLS, ...MORE].join(',')}`,
  ];
}

/** Calls on queue and Maildirs that strace saw more often than the record has them, as `sync queue/journal: 3 of 4`. */
export function missedCalls(file: string, events: readonly CallEvent[], varDir: string): string[] {
  const recorded = countEach(events.flatMap(keysOf));
  const seen = countEach(wholeLines(readFileSync(file, 'utf8')).flatMap((line) => keysOfLine(line, varDir)));
  const missed = [...seen].filter(([key, count]) => (recorded.get(key) ?? 0) < count);
  return missed.map(([key, count]) => `${key}: ${recorded.get(key) ?? 0} of ${count}`);
}

/** A call during which another thread made one is told in two lines. */
function wholeLines(text: string): string[] {
  const begun = new Map<string, string>();
  return text.split('\n').flatMap((line) => {
    const thread = line.slice(0, line.indexOf(' '));
    const [, start] = /^(.*) <unfinished \.\.\.>$/.exec(line) ?? [];
    if (start !== undefined) begun.set(thread, start);
    const [, rest] = /^\d+ +<\.\.\. \w+ resumed>(.*)$/.exec(line) ?? [];
    if (rest !== undefined) return [`${begun.get(thread) ?? ''}${rest}`];
    return start === undefined ? [line] : [];
  });
}

function keysOf(event: CallEvent): string[] {
  if (event.op === 'open') return [];
  if (event.op === 'write' || event.op === 'sync' || event.op === 'truncate') return [`${event.op} ${event.file}`];
  return [`${event.op} ${event.path}${event.op === 'link' || event.op === 'rename' ? ` ${event.to}` : ''}`];
}

const OPS: Readonly<Record<string, string>> = { fsync: 'sync', fdatasync: 'sync', ftruncate: 'truncate' };

/** Nothing for calls that failed, and for other files. */
function keysOfLine(line: string, varDir: string): string[] {
  const [, call = '', rest = ''] = /^\d+ +([a-z0-9]+)\((.*)$/.exec(line) ?? [];
  if (rest.includes(' = -1 ')) return [];
  const op = OPS[call] ?? call.replace(/(?:at2?|v|64)$/, '').replace(/^pwrite$/, 'write');
  const paths = /^(?:sync|write|truncate)$/.test(op)
    ? [/^\d+<([^>]+)>/.exec(rest)?.[1]?.replace(/ ?\(deleted\)$/, '')]
    : [...rest.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]);
  const below = paths.map((path) => (path?.startsWith(`${varDir}/`) === true ? path.slice(varDir.length + 1) : path));
  const ours =
    below.length > 0 &&
    below.every((path) => path !== undefined && /^(?:queue|mail)\//.test(path) && !path.startsWith('queue/index.db'));
  return ours ? [`${op} ${below.join(' ')}`] : [];
}

function countEach(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}
