/** Whether there is anything to do now, for a drain that ends when there is not; and what is left then. */
import type { Work } from '../ipc/insight.ts';
import type { WaitingIndex } from '../queue/waiting-index.ts';
import type { Claims } from './claims.ts';
import type { Conductor } from './conductor.ts';

export interface WorkLeftParts {
  readonly conductor: Conductor;
  readonly claims: Claims;
  readonly index: Pick<WaitingIndex, 'size' | 'countMessages'>;
}

/** `count`: count messages, which takes a look at each that waits. */
export function workLeft({ conductor, claims, index }: WorkLeftParts, count: boolean): Omit<Work, 't' | 'n'> {
  const { books, counts, dispatcher, ledger } = conductor;
  const { since, delivered, bounced } = books.tell(0);
  let inDelivery = 0;
  for (const lane of dispatcher.lanes) inDelivery += lane.inFlight;
  return {
    busy: ledger.walking || claims.size > 0 || isBusy(conductor),
    since,
    taken: counts.taken,
    reported: counts.reported,
    inDelivery,
    delivered,
    bounced,
    left: ledger.size + (count ? index.countMessages() : index.size),
    held: counts.held,
  };
}

/**
 * Something is at work, or can be done now. What waits for its own time, or with its bin for that of its next hop, cannot; what waits
 * for a worker, for its turn, for its tenant's, or for room on the disk, can.
 */
function isBusy({ active, ledger, suspectsWait, homes, clock }: Conductor): boolean {
  if (active > 0 || ledger.size > 0 || suspectsWait) return true;
  const now = clock.ticks();
  for (const bin of homes.bins.all()) if (bin.parked > 0 && (bin.until <= now || bin.lacksWorker)) return true;
  return false;
}
