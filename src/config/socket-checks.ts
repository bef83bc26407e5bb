/**
 * Rules for the sockets of farms and listeners: each has a place of its own, and one where it can be bound.
 *
 * Two addresses that overlap can both be bound and not both be listened at: workers would die of that, not the start.
 */
import path from 'node:path';
import { whyNotFolder } from './check-files.ts';
import { overlap } from './listen-address.ts';
import type { Path } from './merge.ts';
import type { Finding, Settings } from './schema.ts';

/** Names in var that the supervisor uses itself. */
const TAKEN = [
  'lock',
  ...['aliases', 'cache', 'config.json', 'control.sock', 'drill.json', 'drill.lock', 'generation', 'live.json'].map(
    (name) => `run/${name}`,
  ),
];
/** Folders in var that a start makes. */
const MADE = ['.', 'run', 'log', 'queue', 'mail'];

interface Place {
  readonly path: Path;
  readonly text: string;
  /** As listeners write it. */
  readonly address: string;
}

export function checkSockets({ farms, listen, ipc }: Settings): Finding[] {
  const listeners = placesOf({ listen });
  const seen: Place[] = [...listeners];
  const findings: Finding[] = listeners.flatMap(taken);
  for (const place of placesOf({ farms })) {
    const before = seen.find(({ address }) => overlap(address, place.address));
    seen.push(place);
    findings.push(...taken(place));
    if (before !== undefined) {
      const owner =
        before.path[0] === 'listen' ? `address of listen.${before.path[1]}` : `socket of farm ${before.path[1]}`;
      findings.push({ paths: [place.path, before.path], message: `${place.text} is the ${owner} already` });
    } else if (place.text.startsWith('tls://') && ipc === undefined) {
      const message = `${place.text} needs ipc.cert, ipc.key and ipc.ca in mailfarm.yaml`;
      findings.push({ paths: [place.path, ['ipc']], message });
    }
  }
  return findings;
}

/** The folders of Unix sockets are there, or are made by a start. */
export async function checkSocketFolders(
  settings: Pick<Settings, 'farms' | 'listen'>,
  varDir: string,
): Promise<Finding[]> {
  const findings = placesOf(settings).map(async ({ path: key, text, address }): Promise<Finding[]> => {
    const folder = address.startsWith('unix:') ? path.dirname(path.normalize(address.slice(5))) : '.';
    const why = MADE.includes(folder) ? undefined : await whyNotFolder(path.resolve(varDir, folder));
    return why === undefined
      ? []
      : [{ paths: [key], message: `expected a socket in a folder that is there, got ${text}: ${why}` }];
  });
  return (await Promise.all(findings)).flat();
}

function placesOf({
  farms = {},
  listen = [],
}: {
  readonly farms?: Partial<Settings['farms']>;
  readonly listen?: Settings['listen'];
}): Place[] {
  return [
    ...listen.map(({ address }, i) => ({ path: ['listen', i, 'address'], text: address, address })),
    ...Object.entries(farms).map(([name, { socket }]) => {
      const address = socket.startsWith('tls://') ? socket.slice(6) : `unix:${socket}`;
      return { path: ['farms', name, 'socket'], text: socket, address };
    }),
  ];
}

function taken({ path: key, text, address }: Place): Finding[] {
  if (!address.startsWith('unix:') || !TAKEN.includes(path.normalize(address.slice(5)))) return [];
  return [{ paths: [key], message: `${text} is a file of the supervisor; choose another name` }];
}
