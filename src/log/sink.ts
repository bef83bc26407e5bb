/**
 * One batch of bytes into one descriptor, off the main thread, over pino's SonicBoom. Tells how far it came on failure.
 */
import { pino } from 'pino';

export interface Sink {
  /** Resolves to the bytes written: all of them, or fewer and the error that stopped it. */
  write(batch: Buffer): Promise<{ readonly written: number; readonly error?: Error }>;
  /** Closes the descriptor (stdout and stderr stay open). */
  close(): void;
}

/** SonicBoom cuts what it is given into writes of at most this many bytes. */
const MAX_WRITE = 1024 * 1024;

export function openSink(fd: number): Sink {
  const sonic = pino.destination({ dest: fd, sync: false, maxWrite: MAX_WRITE, contentMode: 'buffer' });
  // Between two batches only the close can fail, and then there is nothing left to lose.
  sonic.on('error', () => undefined);
  return {
    write: (batch) =>
      new Promise((resolve) => {
        let written = 0;
        const onWrite = (n: number) => void (written += n);
        const end = (error?: Error) => {
          sonic.off('write', onWrite);
          sonic.off('drain', onDrain);
          sonic.off('error', end);
          resolve(error === undefined ? { written } : { written, error });
        };
        const onDrain = () => end();
        sonic.on('write', onWrite);
        sonic.on('drain', onDrain);
        sonic.on('error', end);
        // In this content mode SonicBoom takes bytes; its types know text only.
        sonic.write(batch as unknown as string);
      }),
    close: () => sonic.destroy(),
  };
}
