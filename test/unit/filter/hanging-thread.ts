/** Stands in for structure-thread.ts where a test needs a thread that misbehaves; the header of the message says how. */
import { scanWhole as scan, type StreamTask, type WholeTask } from '../../../src/filter/structure-thread.ts';
import type { Structure } from '../../../src/filter/scan-structure.ts';

export function scanWhole(task: WholeTask): Structure {
  const text = Buffer.from(task.bytes).toString();
  if (text.startsWith('hang')) for (;;);
  if (text.startsWith('exit')) process.exit(3);
  if (text.startsWith('throw')) throw new Error('thrown in the thread');
  if (text.startsWith('memory'))
    for (const all: unknown[] = []; ;) all.push(Array.from({ length: 100_000 }, () => ({})));
  return scan(task);
}

export function scanStream({ port }: StreamTask): Promise<Structure> {
  port.on('message', () => process.exit(3));
  return new Promise(() => undefined);
}
