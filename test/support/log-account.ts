/**
 * What the lines of the log alone say of the queue, in distinct queue ids. The law: accepted + injected = removed + still queued.
 *
 * `received` and `injected` say that a message came, `removed` that it went. An operator may take one out with `deleted`, and
 * `restored` puts it in again: of these two the last counts. What cannot be read leaves the queue with `corrupt`.
 */
import type { LogLine } from './log-lines.ts';

export interface LogAccount {
  readonly accepted: ReadonlySet<string>;
  readonly injected: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
  /** What follows: came, and was not removed. */
  readonly queued: ReadonlySet<string>;
  /** Removed, and no line says that it ever came: there must be none. */
  readonly unheardOf: readonly string[];
  /** Of those that came: made by the farm itself, as reports. */
  readonly reports: ReadonlySet<string>;
}

export function accountOf(lines: readonly LogLine[]): LogAccount {
  const ids = (fits: (line: LogLine) => boolean): Set<string> =>
    new Set(lines.filter(fits).flatMap(({ id }) => (id === undefined ? [] : [id])));
  const accepted = ids(({ event }) => event === 'received');
  const injected = ids(({ event }) => event === 'injected' || event === 'restored');
  const came = new Set([...accepted, ...injected]);
  const setAside = [...ids(({ event }) => event === 'corrupt')].filter((id) => came.has(id));
  const removed = new Set([...ids(({ event }) => event === 'removed'), ...takenOut(lines), ...setAside]);
  const reports = ids((line) => line.event === 'received' && line['via'] === 'bounce');
  for (const { report } of lines) if (typeof report === 'string') reports.add(report);
  return {
    accepted,
    injected,
    removed,
    queued: new Set([...came].filter((id) => !removed.has(id))),
    unheardOf: [...removed].filter((id) => !came.has(id)),
    reports,
  };
}

function takenOut(lines: readonly LogLine[]): string[] {
  const last = new Map<string, LogLine>();
  for (const line of lines) {
    if (line.id === undefined || (line.event !== 'deleted' && line.event !== 'restored')) continue;
    if ((last.get(line.id)?.time ?? '') <= line.time) last.set(line.id, line);
  }
  return [...last].filter(([, line]) => line.event === 'deleted').map(([id]) => id);
}
