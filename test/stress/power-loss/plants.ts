/**
 * Planted mistakes: a record in which one step is switched off, as if the program had left it out. The checker must find each.
 * The recorder can leave out the same steps in a real run (MAILFARM_RECORD_SKIP); for these the outcome is the same.
 */
import type { CallEvent } from './record.ts';

export interface Plant {
  readonly name: string;
  readonly plant: (events: readonly CallEvent[]) => readonly CallEvent[];
}

const LATE = 3_000_000_000;

export const PLANTS: readonly Plant[] = [
  without('no sync of the folder after a new segment', (file) => file === 'queue/journal'),
  {
    name: 'a 250 before the sync',
    plant: (events) =>
      events.map((event) =>
        isSync(event, (file) => file.startsWith('queue/journal/')) ? { ...event, end: event.end + LATE } : event,
      ),
  },
  without('no sync of the folder after a link into the tree', (file) => /^queue\/mess\/\d+$/.test(file)),
  without('no sync of a state file', (file) => file.endsWith('.state')),
  {
    name: 'no sync of removed journals before outcomes go',
    plant: (events) => {
      const removers = new Set(
        events.flatMap((event) =>
          event.op === 'unlink' && event.path.startsWith('queue/journal/') ? [event.process] : [],
        ),
      );
      return events.filter(
        (event) => !(isSync(event, (file) => file === 'queue/journal') && removers.has(event.process)),
      );
    },
  },
  without('no sync of a large message', (file) => file.startsWith('queue/tmp/')),
  without('no sync of what lies in a Maildir', (file) => /^mail\/.*\/tmp\//.test(file)),
  without('no sync of the folder of a Maildir', (file) => /^mail\/.*\/new$/.test(file)),
  without('no sync of the deleted queue', (file) => file === 'queue/deleted'),
  without('no sync of the folder of buckets', (file) => file === 'queue/mess'),
  without('no sync of var', (file) => file === ''),
];

function isSync(event: CallEvent, fits: (file: string) => boolean): event is CallEvent & { op: 'sync' } {
  return event.op === 'sync' && fits(event.file);
}

function without(name: string, fits: (file: string) => boolean): Plant {
  return { name, plant: (events) => events.filter((event) => !isSync(event, fits)) };
}
