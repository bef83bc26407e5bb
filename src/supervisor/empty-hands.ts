/** Asks workers what they have in hand at this moment: figures that come by themselves may be a second old. */
import { pause } from '../base/deadline.ts';
import { FARMS } from '../process/farms.ts';
import type { Member } from './member.ts';

/** Whoever does not answer in this time may have something in hand. */
const ANSWER_MS = 5000;
const POLL_MS = 20;

/**
 * Whether all of them that carry mail have nothing in hand. What a worker takes before it is ready, its sender has as well until
 * it was passed on; the scheduler is asked by itself, and what the injector has is in the queue.
 */
export async function haveEmptyHands(members: readonly Member[]): Promise<boolean> {
  const asked = members
    .filter(({ farm, ready }) => ready && carriesMail(farm))
    .map((member) => [member, member.ask()] as const);
  const until = performance.now() + ANSWER_MS;
  while (!asked.every(([member, n]) => member.hasAnswered(n))) {
    if (performance.now() >= until) return false;
    await pause(POLL_MS);
  }
  return asked.every(([{ stats, gone }]) => gone || ((stats['busy'] ?? 0) === 0 && (stats['inHand'] ?? 0) === 0));
}

function carriesMail(farm: Member['farm']): boolean {
  const { once, writes, lanes } = FARMS[farm];
  return once !== true && (writes === true || lanes === true);
}
