/** The addresses at which this Mailfarm itself takes mail: a host there leads mail round in a circle, whatever its name is. */
import { networkInterfaces } from 'node:os';
import { type ListenAddress, parseListen } from '../config/listen-address.ts';

/** Tells for a port which addresses are our own; `listen` are addresses of listeners, as in the configuration. */
export function ownAddresses(listen: readonly string[], port: number): (address: string) => boolean {
  const hosts = listen.map(parseListen).flatMap((parsed) => hostAt(parsed, port));
  if (hosts.length === 0) return () => false;
  const wild = hosts.filter((host) => host === '0.0.0.0' || host === '::');
  const known = new Set(wild.length > 0 ? [...hosts, ...addressesOfMachine(wild.includes('::'))] : hosts);
  return (address) => known.has(address);
}

function hostAt(parsed: ListenAddress | undefined, port: number): readonly string[] {
  return parsed?.kind === 'tcp' && parsed.port === port ? [parsed.host] : [];
}

/** Asked anew each time: addresses come and go. */
function addressesOfMachine(both: boolean): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.filter(({ family }) => both || family === 'IPv4').map(({ address }) => address);
}
