/**
 * What follows when a message was not delivered by the time that its sender named (RFC 2852): mode R returns it, mode N tells him once
 * that it is late. Pure, as fate.ts.
 */

import type { WorkPart } from './work.ts';

/** Milliseconds since 1970 at which something is to be done about the part; undefined: nothing, or not any more. */
export function deadlineOf(part: Pick<WorkPart, 'message' | 'hop' | 'warned' | 'kind'>): number | undefined {
  const { by, sender, received } = part.message.facts;
  if (by === undefined || part.hop.channel === 'bounce') return undefined;
  if (by.mode === 'R') return by.at;
  // Of what was late when it came the hop before us told the sender (section 4).
  return part.warned || sender === '' || by.at <= received ? undefined : by.at;
}
