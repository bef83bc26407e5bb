/** Work: none. What a peer takes that was started and has nothing to do. */
import type { RunningPeer } from '../peers/peer.ts';
import { sampleMemory, sum } from '../process-tree.ts';
import { untilQuiet } from '../watch.ts';
import type { Outcome } from './work.ts';

export async function measureIdle(peer: RunningPeer): Promise<Outcome> {
  await untilQuiet(peer.pid);
  return { figures: { pss: sum(sampleMemory(peer.pid)) / 1024 }, problems: [] };
}
