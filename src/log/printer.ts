/**
 * Shows log lines on stdout: in the plain form for people, or as they are. A terminal that stands still or went away
 * holds up nothing: writes happen off the main thread, what does not fit a bounded backlog is not shown.
 */
import { formatPlain } from './plain.ts';
import { openSink } from './sink.ts';

export type PrintFormat = 'plain' | 'json';

const MAX_BACKLOG = 1024 * 1024;

export interface Printer {
  print(line: Buffer): void;
}

/** `colour`: stdout is a terminal. */
export function openPrinter(options: { fd: number; format: PrintFormat; colour: boolean }): Printer {
  const sink = openSink(options.fd);
  let waiting: Buffer[] = [];
  let size = 0;
  let busy = false;
  let gone = false;
  const pump = async (): Promise<void> => {
    busy = true;
    await new Promise(setImmediate);
    while (waiting.length > 0 && !gone) {
      const batch = Buffer.concat(waiting);
      waiting = [];
      const { error } = await sink.write(batch);
      size -= batch.length;
      if (error === undefined) continue;
      // EPIPE and the like: nobody looks any more. Closed, since SonicBoom would try for ever when the process exits.
      gone = true;
      sink.close();
    }
    busy = false;
  };
  return {
    print(line) {
      if (gone || size > MAX_BACKLOG) return;
      const shown =
        options.format === 'json' ? line : Buffer.from(`${formatPlain(line.toString(), { colour: options.colour })}\n`);
      waiting.push(shown);
      size += shown.length;
      if (!busy) void pump();
    },
  };
}
