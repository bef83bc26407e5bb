/**
 * The configuration as a command sees it: of the running farm as it resolved it, else from etc.
 *
 * Whether a farm runs is asked of its control socket alone: the kernel answers even while the supervisor is stopped.
 */
import { connectEndpoint } from '../../client/endpoint.ts';
import { formatProblem, loadConfig } from '../../config/load.ts';
import { readResolved } from '../../config/resolved.ts';
import type { Config } from '../../config/config.ts';
import { CONTROL_SOCKET } from '../../process/control.ts';
import type { Places } from './places.ts';

const RESOLVED = 'run/config.json';
const CONNECT_MS = 2000;

export type Settings =
  | { readonly ok: true; readonly config: Config; readonly live: boolean }
  | { readonly ok: false; readonly why: string };

/** True when a farm runs on the var directory that is the working directory. */
export async function isLive(): Promise<boolean> {
  const connected = await connectEndpoint({ path: CONTROL_SOCKET }, CONNECT_MS);
  if (connected.ok) connected.socket.destroy();
  return connected.ok;
}

/**
 * Call it within var; where var could not be entered, say so with `outside`: nothing of the working directory is
 * trusted then. `why` may have many lines: one a problem of the configuration.
 */
export async function loadSettings(places: Places, where: 'inside' | 'outside' = 'inside'): Promise<Settings> {
  const live = where === 'inside' && (await isLive());
  const resolved = live ? tryResolved() : undefined;
  if (resolved) return { ok: true, config: resolved, live };
  const loaded = await loadConfig({
    ...(places.etc !== undefined && { etcDir: places.etc }),
    varDir: places.var,
    set: [],
    files: false,
  });
  if (!loaded.ok) return { ok: false, why: loaded.problems.map(formatProblem).join('\n') };
  return { ok: true, config: loaded.config, live };
}

function tryResolved(): Config | undefined {
  try {
    return readResolved(RESOLVED);
  } catch {
    // Being replaced or not readable by this user: what etc says will do.
    return undefined;
  }
}
