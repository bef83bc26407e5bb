/**
 * What a channel is to its lane: it delivers one message at a time to the recipients of one job and says what each answered.
 *
 * A channel never touches the queue's outcomes, retry times or the scheduler: it returns verdicts, and the lane makes them durable.
 * It never throws for what a next hop or a full disk does; what it throws is a bug.
 */
import type { Job } from '../ipc/messages.ts';
import type { Notice, OutcomeState, Reply } from '../mail/outcome.ts';
import type { StoredMessage } from '../queue/store.ts';

/** What became of some recipients of a job. */
export interface RecipientVerdict {
  readonly state: Extract<
    OutcomeState,
    'delivered' | 'deferred' | 'failed' | 'succeeded' | 'bounced' | 'dropped' | 'expanded' | 'warned'
  >;
  readonly recipients: readonly string[];
  readonly reply: Reply;
  /** For succeeded: what the sender is to be told. */
  readonly notice?: Notice;
  /** Queue id of the report that was made of it. */
  readonly report?: string;
}

export interface DeliveryResult {
  /** Every recipient of the job exactly once; none of a warning, or of good news, that could not be told. */
  readonly verdicts: readonly RecipientVerdict[];
  /** It went to another site than that of the lane. */
  readonly elsewhere?: boolean | undefined;
  /** The next hop as a whole is in trouble: its bin had better wait. */
  readonly trouble?: Reply | undefined;
  /** Run when the outcomes are durable: what may only be cleaned up or handed on then. */
  readonly whenDurable?: (() => Promise<void>) | undefined;
}

export interface Deliverer {
  /**
   * What it does at this moment ends within limits of its own, however long they are: it is not stuck. False where it has none,
   * as with a disk.
   */
  readonly bounded: boolean;
  /**
   * Ends by itself within the channel's time limits. One call at a time, but for this: when it calls `next`, once at most, the
   * next call may come although this one's answer is still to come.
   */
  deliver(job: Job, message: StoredMessage, next?: () => void): Promise<DeliveryResult>;
  /** Ends the session with the next hop, politely when nothing is under way; a delivery under way ends soon, mostly as deferred. */
  close(): Promise<void>;
}
