/**
 * The drill that runs now, as a file: run/drill.json holds its id and the port of its sink on this machine.
 *
 * Only the owner of the farm can write there. It is a lease: the drill renews it, and one that died leaves nothing that
 * counts a minute later. Acceptors and transports read it when they meet a recipient of a drill, and never otherwise.
 */
import { readFileSync, rmSync } from 'node:fs';
import { isDrillRun } from '../mail/drill-address.ts';
import { replaceFile } from './replace-file.ts';

export interface DrillLease {
  readonly run: string;
  /** On the loopback address, whatever else the file says. */
  readonly port: number;
}

/** Relative to var, the working directory of every worker and of the command. */
const LEASE_FILE = 'run/drill.json';

/** How long a lease holds that is not renewed, and how often it is. */
const LEASE_MS = 60_000;
export const RENEW_MS = 10_000;

/** Sink of the drill with this id; undefined when no such drill runs. Never throws. */
export function readDrillLease(run: string, file = LEASE_FILE, now = Date.now()): DrillLease | undefined {
  try {
    const lease = decode(JSON.parse(readFileSync(file, 'utf8')));
    // A lease of the far future was written under another clock, or by nobody who knows what it is.
    if (lease === undefined || lease.until <= now || lease.until > now + 2 * LEASE_MS) return undefined;
    return lease.run === run ? { run, port: lease.port } : undefined;
  } catch {
    // No file: no drill.
    return undefined;
  }
}

/** Writes or renews it. Throws what the disk throws. */
export function writeDrillLease({ run, port }: DrillLease, file = LEASE_FILE): void {
  replaceFile(file, JSON.stringify({ run, port, until: Date.now() + LEASE_MS }));
}

export function removeDrillLease(file = LEASE_FILE): void {
  rmSync(file, { force: true });
}

function decode(value: unknown): (DrillLease & { readonly until: number }) | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { run, port, until } = value as Record<string, unknown>;
  if (typeof run !== 'string' || !isDrillRun(run) || !Number.isSafeInteger(until)) return undefined;
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65_535) return undefined;
  return { run, port: port as number, until: until as number };
}
