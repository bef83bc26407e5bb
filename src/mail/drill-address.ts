/**
 * Addresses of drills (`mailfarm drill`): RUN@drill.invalid, where RUN is the id of one run, which nobody can guess.
 *
 * No name below .invalid ever exists (RFC 6761), so such an address is nobody's. Only one that names a run is treated in a
 * way of its own; any other at that domain is mail for a domain that does not exist.
 */
import type { Hop } from './outcome.ts';

export const DRILL_DOMAIN = 'drill.invalid';

const RUN = /^[0-9a-f]{32}$/;
/** What the hop of a run begins with; the transport looks up where it leads at this moment. */
const HOP = 'drill:';

export function isDrillRun(text: string): boolean {
  return RUN.test(text);
}

export function drillAddress(run: string): string {
  return `${run}@${DRILL_DOMAIN}`;
}

/** The hop of a recipient of a drill. It names the run and no port: where there is no such drill any more, it leads nowhere. */
export function drillHop(run: string): Hop {
  return { channel: 'smtp', next: `${HOP}${run}` };
}

/** The run that a `next` names; undefined for every other next hop. */
export function drillOfHop(next: string): string | undefined {
  return next.startsWith(HOP) && isDrillRun(next.slice(HOP.length)) ? next.slice(HOP.length) : undefined;
}
