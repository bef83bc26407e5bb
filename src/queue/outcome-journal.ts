/**
 * The outcomes that this worker reached, appended with group commit. An outcome that cannot be written is tried again
 * until it can: whoever waits for it holds its lane meanwhile, so nothing is delivered whose outcome could be forgotten.
 */
import type { Outcome } from '../mail/outcome.ts';
import { pause } from '../base/deadline.ts';
import { errorText } from '../base/text.ts';
import { AppendLog } from './append-log.ts';
import type { Disk } from './disk.ts';
import { parseHandle } from './handle.ts';
import { folder, segmentName, type Layout } from './layout.ts';
import { endLine, outcomeLines } from './record.ts';
import type { Handle, QueueId } from './store.ts';

export interface OutcomeJournalOptions {
  readonly disk: Disk;
  readonly layout: Layout;
  readonly worker: string;
  readonly nextId: () => QueueId;
  /** `folding` is 1 when some outcome concerns a message that stays in the tree, so that it must be folded into its state file. */
  readonly onClosed: (segment: string, folding: number) => void;
  readonly onTrouble: (why: string) => void;
}

const SEGMENT_BYTES = 4 * 1024 * 1024;
const SEGMENT_AGE_MS = 30_000;
const RETRY_MS = 1000;
/**
 * No client waits for an outcome. What is not written when its worker is killed is delivered a second time; what is
 * not synced, only when the machine fails.
 */
const PACE = { writeMs: 3, syncMs: 12 };

export class OutcomeJournal {
  readonly #options: OutcomeJournalOptions;
  readonly #log: AppendLog;
  readonly #folding = new Set<string>();
  #closing = false;

  constructor(options: OutcomeJournalOptions) {
    this.#options = options;
    this.#log = new AppendLog({
      disk: options.disk,
      folder: folder(options.layout, 'outcome'),
      nextName: () => segmentName(options.nextId(), options.worker),
      maxBytes: SEGMENT_BYTES,
      maxAge: SEGMENT_AGE_MS,
      pace: PACE,
      trailer: endLine,
      onClosed: (segment) => options.onClosed(segment, Number(this.#folding.delete(segment))),
    });
  }

  /** `whole`: these outcomes finish every recipient of the message, so nothing of it needs a state file. */
  async record(handle: Handle, outcomes: readonly Outcome[], whole = false): Promise<void> {
    const parsed = parseHandle(handle);
    if (!parsed) throw new TypeError(`not a handle: ${handle}`);
    const stays = !parsed.journal || !whole;
    for (const line of outcomeLines(parsed.id, outcomes)) {
      const segment = await this.#append(line);
      if (stays) this.#folding.add(segment);
    }
  }

  async #append(line: Buffer): Promise<string> {
    for (;;) {
      try {
        return (await this.#log.append([line], { sync: true })).segment;
      } catch (error) {
        if (this.#closing) throw error;
        this.#options.onTrouble(errorText(error));
        await pause(RETRY_MS);
      }
    }
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#log.close();
  }
}
