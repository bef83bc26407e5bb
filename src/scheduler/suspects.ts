/**
 * Parts over which workers died. It may have been any of what such a worker had at work, or nothing of it: so a suspect goes with
 * nothing else in its lane, and one at a time in its channel, until it is done, or is known for the one.
 */
import type { Channel } from '../mail/outcome.ts';
import type { WorkPart } from './work.ts';

/** What the death of a worker weighs for a part that it was delivering: alone, or while other lanes of it were at work. */
export const BLAME = { alone: 2, inCompany: 1 } as const;
const SUSPECT_BLAME = 2;
/** Three deaths that nothing else can have caused. */
const HELD_BLAME = 6;

export function isSuspect(part: Pick<WorkPart, 'blame'>): boolean {
  return part.blame >= SUSPECT_BLAME;
}

export function isGuilty(part: WorkPart): boolean {
  return part.blame >= HELD_BLAME;
}

export class Suspects {
  readonly #atWork = new Map<Channel, WorkPart>();

  /** True when it is the turn of this part; another of its channel may be with a worker at this moment. */
  admit(part: WorkPart): boolean {
    const { channel } = part.hop;
    const other = this.#atWork.get(channel);
    if (other !== undefined && other !== part && other.inFlight) return false;
    this.#atWork.set(channel, part);
    return true;
  }
}
