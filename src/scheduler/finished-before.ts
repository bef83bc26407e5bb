/**
 * What became of recipients in the time of a former scheduler. That one may have lent out a message and died before its router
 * heard `taken`: the router then hands the message on again, and it must not be delivered again.
 *
 * Needed until the injector walked the queue: from then on every message of that time is known by its segment.
 */
import { tellUnreadable, type SegmentFiles } from '../queue/known-outcomes.ts';
import type { Hop, Outcome } from '../mail/outcome.ts';
import { OutcomeLookup } from '../queue/outcome-lookup.ts';
import type { Part, Routed } from '../ipc/messages.ts';

const FINISHED: ReadonlySet<string> = new Set(['delivered', 'bounced', 'dropped', 'deleted']);
const BOUNCE: Hop = { channel: 'bounce', next: '' };

/** What is known of a message. */
export interface Before {
  /** Addresses that are never to be tried again. */
  readonly finished: ReadonlySet<string>;
  /** What those are owed: good news that was not told yet. */
  readonly owed: readonly Part[];
}

export class FinishedBefore {
  #known: (id: string) => Before;
  #close: () => void;

  constructor(known: (id: string) => Before, close: () => void = () => undefined) {
    this.#known = known;
    this.#close = close;
  }

  /** Without the recipients that are finished, and with what these are owed; undefined when nothing is left. */
  strip(frame: Routed, id: string): Routed | undefined {
    const { finished, owed } = this.#known(id);
    if (finished.size === 0) return frame;
    const left = frame.parts
      .map((part) => ({ ...part, to: part.to.filter((address) => !finished.has(address)) }))
      .filter((part) => part.to.length > 0);
    const parts = owed.length === 0 ? left : [...left, ...owedTo(frame, owed)];
    return parts.length > 0 ? { ...frame, parts } : undefined;
  }

  /** The injector walked the queue. */
  forget(): void {
    this.#known = () => NONE;
    this.#close();
    // It holds all that was read.
    this.#close = () => undefined;
  }
}

/** What is owed to those that the frame names: another may be held, and nothing is given out for it then. */
function owedTo(frame: Routed, owed: readonly Part[]): Part[] {
  const named = new Set(frame.parts.flatMap(({ to }) => to));
  return owed
    .map((part) => ({ ...part, to: part.to.filter((address) => named.has(address)) }))
    .filter(({ to }) => to.length > 0);
}

const NONE: Before = { finished: new Set(), owed: [] };

/** Reads the outcome journals. What lanes of ours add to them meanwhile may be among it: it is no less finished. */
export async function readFinishedBefore(files: SegmentFiles): Promise<FinishedBefore> {
  const lookup = new OutcomeLookup(files);
  await lookup.read();
  return new FinishedBefore(
    (id) => known(outcomesOf(lookup, files, id)),
    () => lookup.close(),
  );
}

/**
 * An alias whose sender wanted to hear of it ends with an outcome that names no others. Two routers may have expanded it, one after the
 * other: it is owed one notice.
 */
function known(outcomes: readonly Outcome[]): Before {
  const isFinished = ({ state, into }: Outcome): boolean =>
    FINISHED.has(state) || (state === 'expanded' && into === undefined);
  const finished = new Set(outcomes.filter(isFinished).flatMap(({ recipients }) => recipients));
  const owed: Part[] = [];
  for (const { state, recipients, notice = 'delivered', attempts, reply } of outcomes) {
    if (state !== 'succeeded') continue;
    const to = recipients.filter((address) => !finished.has(address));
    if (to.length === 0) continue;
    for (const address of to) finished.add(address);
    owed.push({ hop: BOUNCE, to, notice, ...(attempts !== undefined && { attempts }), ...(reply && { reply }) });
  }
  return finished.size === 0 ? NONE : { finished, owed };
}

function outcomesOf(lookup: OutcomeLookup, files: SegmentFiles, id: string): readonly Outcome[] {
  try {
    return lookup.of(id);
  } catch (error) {
    tellUnreadable(files, id, error);
    return [];
  }
}
