/**
 * The supervisor's log: everything goes to the log process, and until the farm is ready, warnings and errors go to
 * stderr too, because whoever starts it is looking there, and the log process may be what does not start.
 */
import { oneLine } from '../base/text.ts';
import type { SupervisorLog } from './supervisor.ts';

export interface EchoLog extends SupervisorLog {
  /** From now on only the log process gets the lines. */
  quiet(): void;
}

export function echoTroubles(log: SupervisorLog, say: (line: string) => void): EchoLog {
  let loud = true;
  const echo = (event: string, fields: Record<string, unknown> = {}): void => {
    const known = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
    if (loud) say(oneLine([event, ...known.map(([key, value]) => `${key}=${String(value)}`)].join(' ')));
  };
  return {
    info: (event, fields) => log.info(event, fields),
    warn: (event, fields) => (log.warn(event, fields), echo(event, fields)),
    error: (event, fields) => (log.error(event, fields), echo(event, fields)),
    quiet: () => void (loud = false),
  };
}
