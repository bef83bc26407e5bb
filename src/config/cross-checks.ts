/**
 * Rules that hold between keys: names that must differ, sizes that depend on each other. Listeners and sockets have files of their own.
 */
import type { Finding, Settings } from './schema.ts';
import { checkSockets } from './socket-checks.ts';
import { formatSize } from './units.ts';

export function crossCheck(settings: Settings): Finding[] {
  return [...domains(settings), ...checkSockets(settings), ...sizes(settings), ...tenants(settings)];
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

/** What two tenants are known by is never mail of the second: the first row wins. */
function tenants({ tenants: rows }: Settings): Finding[] {
  const findings: Finding[] = [];
  for (const key of ['networks', 'logins', 'senders', 'from'] as const) {
    const first = new Map<string, string>();
    for (const [name, row] of Object.entries(rows)) {
      row[key].forEach((value, i) => {
        const other = first.get(value);
        const message = `${value} is in ${key} of ${other} too, whose mail it is then; keep one`;
        if (other !== undefined && other !== name) findings.push({ paths: [['tenants', name, key, i]], message });
        first.set(value, other ?? name);
      });
    }
  }
  return findings;
}
