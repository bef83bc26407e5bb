/**
 * What became of recipients in the time of a former scheduler. That one may have lent out a message and died before its router
 * heard `taken`: the router then hands the message on again, and it must not be delivered again.
 *
 * Needed until the injector walked the queue: from then on every message of that time is known by its segment.
 */
import { tellUnreadable, type SegmentFiles } from '../queue/known-outcomes.ts';
import type { Outcome } from '../mail/outcome.ts';
import { OutcomeLookup } from '../queue/outcome-lookup.ts';
import type { Routed } from '../ipc/messages.ts';

const FINISHED: ReadonlySet<string> = new Set(['delivered', 'bounced', 'dropped', 'deleted']);

export class FinishedBefore {
  /** Finished addresses of a message. */
  #finished: (id: string) => ReadonlySet<string>;
  #close: () => void;

  constructor(finished: (id: string) => ReadonlySet<string>, close: () => void = () => undefined) {
    this.#finished = finished;
    this.#close = close;
  }

  /** Without the recipients that are finished; undefined when none is left. */
  strip(frame: Routed, id: string): Routed | undefined {
    const finished = this.#finished(id);
    if (finished.size === 0) return frame;
    const parts = frame.parts
      .map((part) => ({ ...part, to: part.to.filter((address) => !finished.has(address)) }))
      .filter((part) => part.to.length > 0);
    return parts.length > 0 ? { ...frame, parts } : undefined;
  }

  /** The injector walked the queue. */
  forget(): void {
    this.#finished = () => NONE;
    this.#close();
    // It holds all that was read.
    this.#close = () => undefined;
  }
}

const NONE: ReadonlySet<string> = new Set();

/** Reads the outcome journals. What lanes of ours add to them meanwhile may be among it: it is no less finished. */
export async function readFinishedBefore(files: SegmentFiles): Promise<FinishedBefore> {
  const lookup = new OutcomeLookup(files);
  await lookup.read();
  const finished = (id: string): ReadonlySet<string> => {
    const outcomes = outcomesOf(lookup, files, id).filter(({ state }) => FINISHED.has(state));
    return outcomes.length === 0 ? NONE : new Set(outcomes.flatMap(({ recipients }) => recipients));
  };
  return new FinishedBefore(finished, () => lookup.close());
}

function outcomesOf(lookup: OutcomeLookup, files: SegmentFiles, id: string): readonly Outcome[] {
  try {
    return lookup.of(id);
  } catch (error) {
    tellUnreadable(files, id, error);
    return [];
  }
}
