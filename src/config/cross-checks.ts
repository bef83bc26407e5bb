/**
 * Rules that hold between keys: names that must differ, sizes that depend on each other. Listeners have a file of their own.
 */
import type { Path } from './merge.ts';
import type { Finding, Settings } from './schema.ts';
import { formatSize } from './units.ts';

export function crossCheck(settings: Settings): Finding[] {
  return [...domains(settings), ...sockets(settings), ...sizes(settings)];
}

function domains({ domains: { local, relay } }: Settings): Finding[] {
  return relay.flatMap((domain, i): Finding[] =>
    local.includes(domain)
      ? [
          {
            paths: [
              ['domains', 'relay', i],
              ['domains', 'local'],
            ],
            message: `${domain} is one of domains.local too; keep one`,
          },
        ]
      : [],
  );
}

function sockets({ farms, ipc }: Settings): Finding[] {
  const seen = new Map<string, string>();
  return Object.entries(farms).flatMap(([name, { socket }]): Finding[] => {
    const path: Path = ['farms', name, 'socket'];
    const before = seen.get(socket);
    seen.set(socket, name);
    if (before !== undefined) return [{ paths: [path], message: `${socket} is the socket of farm ${before} already` }];
    if (!socket.startsWith('tls://') || ipc !== undefined) return [];
    return [{ paths: [path, ['ipc']], message: `${socket} needs ipc.cert, ipc.key and ipc.ca in mailfarm.yaml` }];
  });
}

function sizes({ queue: { inline, segment } }: Settings): Finding[] {
  if (inline <= segment) return [];
  const message = `expected at most queue.segment (${formatSize(segment)}), got ${formatSize(inline)}`;
  return [
    {
      paths: [
        ['queue', 'inline'],
        ['queue', 'segment'],
      ],
      message,
    },
  ];
}
