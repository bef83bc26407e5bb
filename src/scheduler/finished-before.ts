/**
 * What became of recipients in the time of a former scheduler. That one may have lent out a message and died before its router
 * heard `taken`: the router then hands the message on again, and it must not be delivered again.
 *
 * Needed until the injector walked the queue: from then on every message of that time is known by its segment.
 */
import { createDisk } from '../queue/disk.ts';
import { readKnownOutcomes } from '../queue/known-outcomes.ts';
import type { Layout } from '../queue/layout.ts';
import type { Routed } from '../ipc/messages.ts';

const FINISHED: ReadonlySet<string> = new Set(['delivered', 'bounced', 'dropped', 'deleted']);

export class FinishedBefore {
  /** Addresses by queue id. */
  #known: Map<string, Set<string>>;

  constructor(known: Map<string, Set<string>> = new Map()) {
    this.#known = known;
  }

  /** Without the recipients that are finished; undefined when none is left. */
  strip(frame: Routed, id: string): Routed | undefined {
    const finished = this.#known.get(id);
    if (finished === undefined) return frame;
    const parts = frame.parts
      .map((part) => ({ ...part, to: part.to.filter((address) => !finished.has(address)) }))
      .filter((part) => part.to.length > 0);
    return parts.length > 0 ? { ...frame, parts } : undefined;
  }

  /** The injector walked the queue. */
  forget(): void {
    this.#known = new Map();
  }
}

/** Reads the outcome journals, which are small and recent. No lane may be at work. */
export async function readFinishedBefore(layout: Layout): Promise<FinishedBefore> {
  const known = new Map<string, Set<string>>();
  for (const [id, outcomes] of await readKnownOutcomes({ disk: createDisk(), layout })) {
    const finished = outcomes.filter(({ state }) => FINISHED.has(state)).flatMap(({ recipients }) => recipients);
    if (finished.length > 0) known.set(id, new Set(finished));
  }
  return new FinishedBefore(known);
}
