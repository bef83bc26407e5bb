/**
 * A logger that appends to the log file itself: for a command while no farm runs. The log file has one writer: only who holds
 * the lock of var, which every log process holds too, may open this. It rotates nothing: the next log process does.
 */
import * as fs from 'node:fs';
import { errorText } from '../base/text.ts';
import { lineBuilder } from './line.ts';
import { loggerOver, type Logger, type LoggerOptions } from './logger.ts';
import { openLogFile } from './open-file.ts';

const LOG_FILE = 'log/mailfarm.log';

/** Never rejects: where the file cannot be written, lines are dropped, and `onTrouble` hears why, once. */
export async function openFileLogger(
  options: Omit<LoggerOptions, 'socket' | 'maxBuffer'> & { readonly onTrouble: (why: string) => void },
  file = LOG_FILE,
): Promise<Logger> {
  let dropped = 0;
  let fd: number | undefined;
  const inTrouble = (error: unknown): void => {
    if (dropped === 0) options.onTrouble(errorText(error));
    dropped += 1;
  };
  try {
    fd = (await openLogFile(file, { mend: true })).fd;
  } catch (error) {
    inTrouble(error);
  }
  const send = (line: string): void => {
    try {
      if (fd === undefined) dropped += 1;
      else fs.writeSync(fd, line);
    } catch (error) {
      inTrouble(error);
    }
  };
  const close = (): void => {
    if (fd !== undefined) fs.closeSync(fd);
    fd = undefined;
  };
  const flush = async (): Promise<boolean> => dropped === 0;
  return loggerOver(lineBuilder(options), { send, flush, dropped: () => dropped, close }, options.level);
}
