/**
 * Which listener of the farm takes mail of this machine: the first of role local, else of role submission.
 */
import path from 'node:path';
import type { Endpoint } from '../../client/endpoint.ts';
import { parseEndpoint } from '../../client/endpoint.ts';
import type { Config, Listener } from '../../config/config.ts';
import { askSupervisor } from '../common/control.ts';

const STATUS_MS = 2000;

/**
 * The endpoint, or undefined when there is no listener for own mail. `inside`: var is the working directory; else no
 * name may be relative, since anybody may have put a socket of that name where we are.
 */
export async function findListener(config: Config, where: 'inside' | 'outside'): Promise<Endpoint | undefined> {
  const index = ownListener(config.listen);
  const listener = config.listen[index];
  const endpoint = listener && parseEndpoint(listener.address);
  if (!endpoint) return undefined;
  if ('path' in endpoint)
    return where === 'inside' ? endpoint : { path: path.resolve(config.paths.var, endpoint.path) };
  if (endpoint.port !== 0) return endpoint;
  if (where === 'outside') return undefined;
  // Port 0 is a port that the system chose: only the supervisor knows which.
  const asked = await askSupervisor({ verb: 'status' }, STATUS_MS);
  const status = asked.kind === 'answered' && asked.answer.ok && 'listeners' in asked.answer ? asked.answer : undefined;
  const real = status?.listeners[index];
  return real === undefined ? undefined : parseEndpoint(real);
}

/** Within TLS from the first byte there is no way in for us; STARTTLS we need not use. */
function ownListener(listeners: readonly Listener[]): number {
  const fits = (role: Listener['role']) => (listener: Listener) =>
    listener.tls !== 'implicit' && listener.protocol === 'smtp' && listener.role === role;
  const local = listeners.findIndex(fits('local'));
  return local === -1 ? listeners.findIndex(fits('submission')) : local;
}
