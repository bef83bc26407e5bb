/**
 * The log as every process sees it: openLogger() sends lines to the log process over its Unix socket.
 *
 * It never throws, never waits and never holds up mail: when the log process is slow, stopped, dead or not there
 * yet, lines gather up to a bound, then they are dropped and counted; the count is logged once it is back. Whoever is
 * about to remove the last trace of a message waits for its lines with flush(), and goes on without when that takes long.
 * Lines are built at once (so they tell the truth of that moment) and sent once per turn of the event loop.
 */
import { lineBuilder } from './line.ts';
import type { Fields, Level } from './line.ts';
import { openSender } from './sender.ts';
import type { Sender } from './sender.ts';
import { formatPlain } from './plain.ts';

export interface Logger {
  debug(event: string, fields?: Fields): void;
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
  /** True when all lines so far are in the file, false after `deadlineMs` (default 1000). Never rejects. */
  flush(deadlineMs?: number): Promise<boolean>;
  /** Lines dropped since the start. */
  dropped(): number;
  /** Sends no more and forgets what is not sent; flush() first. Later lines go nowhere. */
  close(): void;
}

export interface LoggerOptions {
  /** Path of the log process's socket, as `run/log.sock`. */
  readonly socket: string;
  readonly farm: string;
  readonly worker: string;
  /** The least that is logged; default info. */
  readonly level?: Level | undefined;
  /** Characters of lines that may wait for the log process; default 1 MiB. */
  readonly maxBuffer?: number | undefined;
}

const RANK: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const MAX_BUFFER = 1024 * 1024;

/** A logger that writes to the log process. It keeps no process alive. */
export function openLogger(options: LoggerOptions): Logger {
  const build = lineBuilder(options);
  const sender = openSender({
    socket: options.socket,
    maxBuffer: options.maxBuffer ?? MAX_BUFFER,
    droppedLine: (count) => build('warn', 'log-dropped', { count }),
  });
  return loggerOver(build, sender, options.level);
}

/** A logger that prints the plain form on stderr: for commands, and for the supervisor while there is no log process. */
export function openStderrLogger(options: Omit<LoggerOptions, 'socket' | 'maxBuffer'>): Logger {
  return loggerOver(lineBuilder(options), stderrSender(), options.level);
}

/** A logger whose lines go to `sender`. */
export function loggerOver(build: ReturnType<typeof lineBuilder>, sender: Sender, level: Level = 'info'): Logger {
  const least = RANK[level];
  const at = (rank: Level) => (event: string, fields?: Fields) => {
    if (RANK[rank] >= least) sender.send(build(rank, event, fields));
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    flush: (deadlineMs = 1000) => sender.flush(deadlineMs),
    dropped: () => sender.dropped(),
    close: () => sender.close(),
  };
}

/** The 'error' listeners: without one, a closed stderr would end the process. */
let stderrGuarded = false;

function stderrSender(): Sender {
  let closed = false;
  let dropped = 0;
  if (!stderrGuarded) process.stderr.on('error', () => undefined);
  stderrGuarded = true;
  return {
    send(line) {
      if (closed || !process.stderr.writable) dropped += 1;
      else process.stderr.write(`${formatPlain(line, { colour: process.stderr.isTTY })}\n`);
    },
    flush: () => Promise.resolve(true),
    dropped: () => dropped,
    close: () => void (closed = true),
  };
}
