/**
 * Who a worker is, as the supervisor tells it through the environment: written by src/supervisor/fork.ts, read once by
 * runWorker. A worker started by hand has none, and says so.
 */
import { FARM_NAMES, type FarmName } from '../config/config.ts';

/** Environment variable that carries the identity as JSON. */
export const IDENTITY_VARIABLE = 'MAILFARM_WORKER';

export interface Identity {
  readonly farm: FarmName;
  /** As `acceptor-3`: unique for the life of the supervisor. */
  readonly name: string;
  /** As `acceptor-3-mi5x8k2a`: unique for the life of the queue. Letters, digits and `-` only, at most 40. */
  readonly instance: string;
  /** Inherited listening descriptors by name: `farm`, and `listen:KEY` of the acceptors (socket-keys.ts). */
  readonly fds: Readonly<Record<string, number>>;
}

/** The identity in an environment, or undefined where the supervisor did not set one. */
export function readIdentity(env: NodeJS.ProcessEnv): Identity | undefined {
  const text = env[IDENTITY_VARIABLE];
  if (text === undefined) return undefined;
  const value = JSON.parse(text) as Identity;
  return FARM_NAMES.includes(value.farm) ? value : undefined;
}
