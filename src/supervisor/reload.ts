/**
 * Takes over a new configuration while mail flows: all of it or nothing.
 *
 * A wrong one changes nothing. A good one binds new listeners first, then is written for the workers, then the farms
 * are renewed one after the other, new workers before old ones. The scheduler and the log read it in place.
 */
import { pause } from '../base/deadline.ts';
import { errorText } from '../base/text.ts';
import type { Config } from '../config/config.ts';
import type { Farm } from './farm.ts';
import { boundsOf, type Supervisor } from './supervisor.ts';

export interface ReloadOptions {
  readonly supervisor: Supervisor;
  /** Reads etc/ again; the problems as lines of text. */
  readonly load: () => Promise<{ readonly config: Config } | { readonly problems: readonly string[] }>;
  /** Writes run/config.json. */
  readonly write: (config: Config) => void;
}

const FARM_MS = 60_000;
const POLL_MS = 50;

/** The problems, empty when the configuration was taken over. Farms are renewed after it resolved: `renewed` tells. */
export async function reload(
  options: ReloadOptions,
): Promise<{ readonly problems: readonly string[]; readonly renewed?: Promise<void> }> {
  const { supervisor } = options;
  const loaded = await loadSafely(options);
  if ('problems' in loaded) return fail(supervisor, loaded.problems);
  const config = keepFixed(loaded.config, supervisor);
  const unbound = supervisor.sockets.adopt(config);
  if (unbound !== undefined) return fail(supervisor, [unbound.text]);
  try {
    options.write(config);
  } catch (error) {
    supervisor.sockets.adopt(supervisor.config);
    return fail(supervisor, [`cannot be handed to the workers: ${errorText(error)}`]);
  }
  supervisor.config = config;
  supervisor.epoch += 1;
  supervisor.log('info', 'reloaded', { listeners: supervisor.sockets.addresses() });
  const renewed = renewFarms(supervisor, config);
  renewed.catch((error: unknown) => supervisor.log('error', 'reload-failed', { why: errorText(error) }));
  return { problems: [], renewed };
}

async function loadSafely(options: ReloadOptions): ReturnType<ReloadOptions['load']> {
  try {
    return await options.load();
  } catch (error) {
    return { problems: [errorText(error)] };
  }
}

function fail(supervisor: Supervisor, problems: readonly string[]): { readonly problems: readonly string[] } {
  for (const problem of problems) supervisor.log('error', 'reload-refused', { problem });
  return { problems };
}

/** What running workers agreed upon stays until the next start: where the farms' sockets are, and where messages lie. */
function keepFixed(config: Config, supervisor: Supervisor): Config {
  const tell = (key: string): void =>
    supervisor.log('warn', 'next-start', { key, why: 'takes effect at the next start' });
  const farms = { ...config.farms };
  for (const name of Object.keys(farms) as (keyof Config['farms'])[]) {
    const { socket } = supervisor.config.farms[name];
    if (farms[name].socket === socket) continue;
    tell(`farms.${name}.socket`);
    farms[name] = { ...farms[name], socket };
  }
  const { split } = supervisor.config.queue;
  // Only the injector of a start moves files into other buckets.
  if (config.queue.split !== split) tell('queue.split');
  return { ...config, farms, queue: { ...config.queue, split } };
}

async function renewFarms(supervisor: Supervisor, config: Config): Promise<void> {
  const { epoch } = supervisor;
  for (const farm of supervisor.farms.values()) {
    if (supervisor.stopping || supervisor.epoch !== epoch) return;
    farm.resize(boundsOf(config, farm.name));
    farm.renew(epoch);
    await untilSettled(farm, supervisor);
  }
}

/** A farm that does not come up with the new configuration does not hold back the others for ever. */
async function untilSettled(farm: Farm, supervisor: Supervisor): Promise<void> {
  const until = performance.now() + FARM_MS;
  while (!farm.settled && !supervisor.stopping && performance.now() < until) await pause(POLL_MS);
}
