/**
 * Which listener of the farm takes mail of this machine: the first of role submission or local.
 */
import type { Endpoint } from '../../client/endpoint.ts';
import { parseEndpoint } from '../../client/endpoint.ts';
import type { Config, Listener } from '../../config/config.ts';

/** The endpoint, or undefined when the configuration has no listener for own mail. */
export function findListener(config: Config): Endpoint | undefined {
  // Within TLS from the first byte there is no way in for us; STARTTLS we need not use.
  const plain = config.listen.filter((listener) => listener.tls !== 'implicit' && listener.protocol === 'smtp');
  const ours = plain.find((listener) => listener.role === 'local') ?? plain.find(isSubmission);
  return ours && parseEndpoint(ours.address);
}

function isSubmission(listener: Listener): boolean {
  return listener.role === 'submission';
}
