/**
 * Lines of the log that speak of one message: from the current file and the rotated ones, in order of time.
 *
 * Files are streamed. A line is taken when its `id` is the message's, or when it names the message otherwise (the
 * bounce that reports it). What is no JSON is no line of ours.
 */
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { errorCode } from '../../base/text.ts';

export interface LogLine {
  /** ISO, sorts as text. */
  readonly time: string;
  readonly text: string;
}

/** Lines of one message that are kept in memory to sort them. */
const MAX_LINES = 100_000;

/** All lines that name `id`, oldest first. Call it within var. `cut` tells that there were more than fit. */
export async function readLogLines(
  id: string,
  folder = 'log',
): Promise<{ readonly lines: readonly LogLine[]; readonly cut: boolean }> {
  const lines: LogLine[] = [];
  for (const name of await listLogs(folder)) {
    for await (const text of linesOf(path.join(folder, name))) {
      const line = text.includes(id) ? parseLine(text) : undefined;
      if (!line) continue;
      if (lines.length >= MAX_LINES) return { lines: sorted(lines), cut: true };
      lines.push(line);
    }
  }
  return { lines: sorted(lines), cut: false };
}

async function listLogs(folder: string): Promise<readonly string[]> {
  try {
    const names = await readdir(folder);
    return names.filter((name) => name.startsWith('mailfarm.log')).sort();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const raw = createReadStream(file);
  const input = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  try {
    yield* createInterface({ input, crlfDelay: Infinity });
  } catch (error) {
    // Rotated away between the listing and the reading: its lines are in a file of another name.
    if (errorCode(error) !== 'ENOENT') throw error;
  } finally {
    raw.destroy();
  }
}

function parseLine(text: string): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { time } = value as { readonly time?: unknown };
    return { time: typeof time === 'string' ? time : '', text };
  } catch {
    // A torn line of a crash.
    return undefined;
  }
}

/** Stable: lines of the same millisecond stay as they were written. */
function sorted(lines: readonly LogLine[]): readonly LogLine[] {
  return lines.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}
