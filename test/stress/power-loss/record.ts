/** The record of a run, read back: every call of every process, in one order. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Nanoseconds of the clock that all processes share (CLOCK_MONOTONIC), as a number: exact for a hundred days of uptime. */
export type Time = number;

interface Times {
  readonly process: string;
  /** Before the call, and after it. */
  readonly begin: Time;
  readonly end: Time;
  /** The process died in it: whether it had its effect is not known. */
  readonly unended?: boolean;
}

export type CallEvent = Times &
  (
    | {
        readonly op: 'open';
        readonly path: string;
        readonly handle: string;
        readonly creates: boolean;
        readonly exclusive: boolean;
        readonly truncates: boolean;
      }
    /** `at` -1: appended. */
    | {
        readonly op: 'write';
        readonly handle: string;
        readonly file: string;
        readonly at: number;
        readonly data: Buffer;
      }
    | { readonly op: 'truncate'; readonly handle: string; readonly file: string; readonly length: number }
    | { readonly op: 'sync'; readonly handle: string; readonly file: string }
    | { readonly op: 'mkdir'; readonly path: string; readonly recursive: boolean }
    | { readonly op: 'link' | 'rename'; readonly path: string; readonly to: string }
    | { readonly op: 'unlink'; readonly path: string }
  );

type Line = Record<string, unknown> & { readonly n?: number; readonly b?: string; readonly e?: string };

/** All calls that had an effect, or may have had one, by the time of their end. Throws when something was not recorded. */
export function readRecord(folder: string): CallEvent[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  const events = files.flatMap((name) => readProcess(join(folder, name), name.replace('.jsonl', '')));
  return events.toSorted((a, b) => a.end - b.end);
}

function readProcess(file: string, process: string): CallEvent[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  // A process that is killed may leave half a line.
  const last = lines.pop();
  if (last !== '' && last !== undefined && last.endsWith('}')) lines.push(last);
  const begun = new Map<number, Line>();
  const events: CallEvent[] = [];
  let latest = 0;
  for (const text of lines) {
    const line = JSON.parse(text) as Line;
    if (line['unrecorded'] !== undefined) throw new Error(`${process} did what cannot be recorded: ${text}`);
    latest = Number(line.b ?? line.e ?? latest);
    if (line.n === undefined) continue;
    if (line.b !== undefined) begun.set(line.n, line);
    const start = begun.get(line.n);
    if (line.e === undefined || start === undefined) continue;
    begun.delete(line.n);
    if (line['error'] === undefined)
      events.push(makeEvent(process, start, { end: Number(line.e), bytes: line['bytes'] }));
  }
  for (const start of begun.values()) events.push({ ...makeEvent(process, start, { end: latest }), unended: true });
  return events;
}

function makeEvent(process: string, start: Line, how: { end: Time; bytes?: unknown }): CallEvent {
  const { n: _n, b, e: _e, data, handle, ...fields } = start;
  const bytes = typeof data === 'string' ? Buffer.from(data, 'base64') : undefined;
  return {
    ...fields,
    process,
    begin: Number(b),
    end: how.end,
    // A short write wrote what it said.
    ...(bytes === undefined ? {} : { data: typeof how.bytes === 'number' ? bytes.subarray(0, how.bytes) : bytes }),
    ...(typeof handle !== 'number' ? {} : { handle: `${process}/${handle}` }),
  } as unknown as CallEvent;
}
