/**
 * The log process: many clients in, one file out, and a plain view where somebody looks.
 *
 * It is the only writer of log/mailfarm.log. Nothing waits for it: it may be slow, stopped or dead while mail flows.
 */
import { withDeadline } from '../base/deadline.ts';
import { lineBuilder } from './line.ts';
import { LogFile } from './log-file.ts';
import { openPrinter, type PrintFormat } from './printer.ts';
import { openReceiver } from './receiver.ts';

interface LogSettings {
  readonly maxSize: number;
  readonly keep: number;
  readonly format: 'auto' | 'json' | 'plain';
}

/** What the log process needs of the worker's skeleton. */
export interface LogWorker {
  readonly name: string;
  readonly config: { readonly log: LogSettings };
  fd(name: string): number | undefined;
}

/** For tests: other places than those of a running farm. */
export interface LogPlaces {
  readonly socket?: string;
  readonly file?: string;
  /** Where lines are shown; default 1. */
  readonly stdout?: number;
  readonly terminal?: boolean;
  readonly maxBacklog?: number;
}

export interface LogRole {
  /** Reads on until the other workers are gone, then until all is in the file; at most until `deadline` (ms since 1970). */
  drain(deadline: number): Promise<undefined>;
  /** Takes over how files are rotated; the format on a terminal stays. */
  reload(config: { readonly log: LogSettings }): void;
  stats(): Record<string, number>;
}

const LOG_FILE = 'log/mailfarm.log';
/** Bytes that may wait for the disk: some 30,000 lines. */
const MAX_BACKLOG = 8 * 1024 * 1024;

export async function startLog(worker: LogWorker, places: LogPlaces = {}): Promise<LogRole> {
  const settings = worker.config.log;
  const build = lineBuilder({ farm: 'log', worker: worker.name });
  const counts = { lines: 0, malformed: 0 };
  const file = new LogFile({
    file: places.file ?? LOG_FILE,
    rotation: settings,
    maxBacklog: places.maxBacklog ?? MAX_BACKLOG,
    missingLine: (count, why) => Buffer.from(build('warn', 'log-dropped', { count, why })),
    onTrouble: (why) => process.stderr.write(`mailfarm: log: ${why}\n`),
    onSettled: (count) => receiver.settled(count),
  });
  const colour = places.terminal ?? process.stdout.isTTY;
  const format = printFormat(settings.format, colour);
  const printer = format && openPrinter({ fd: places.stdout ?? 1, format, colour });
  const take = (line: Buffer): void => {
    counts.lines += 1;
    file.write(line);
    printer?.print(line);
  };
  const receiver = await openReceiver({
    fd: worker.fd('farm'),
    path: places.socket,
    taken: () => file.taken,
    onLine: take,
    onMalformed(why, text) {
      counts.malformed += 1;
      take(Buffer.from(build('warn', 'malformed-line', { why, text })));
    },
  });
  return {
    async drain(deadline) {
      await inTime(receiver.drained(), deadline);
      await inTime(file.idle(), deadline);
    },
    reload: (config) => void (file.rotation = config.log),
    stats: () => ({ ...counts, clients: receiver.clients, dropped: file.dropped, backlog: file.backlog }),
  };
}

function printFormat(format: LogSettings['format'], terminal: boolean): PrintFormat | undefined {
  if (format !== 'auto') return format;
  return terminal ? 'plain' : undefined;
}

/** Waits until the promise resolves or the deadline (ms since 1970) has passed: what comes later is lost. */
async function inTime(promise: Promise<void>, deadline: number): Promise<void> {
  try {
    await withDeadline(promise, Math.max(0, deadline - Date.now()), 'log');
  } catch {
    // The end comes all the same; the deadline is what the caller asked for.
  }
}
